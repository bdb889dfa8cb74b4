import ContractFUSE
import ContractVolume
import FUSEProtocol
import FUSESession
import Glibc
import ImageFormat
import LinuxSystem

/// The daemon of an image's mount: `incfs-contractd serve-image MILLISECONDS`, with a pipe as descriptor 3 that says how the start went,
/// the FUSE device as 4 and the locked image as 5. Ends with the mount.
enum ImageDaemon {
    private static let report: CInt = 3, device: CInt = 4, image: CInt = 5
    private static let longestReport = 65536

    static func run(timeoutMilliseconds: UInt32) -> Never {
        signal(SIGPIPE, SIG_IGN)
        func say(_ text: String) {
            Array(text.utf8).withUnsafeBytes { try? SystemCalls.writeAll(report, $0) }
            SystemCalls.close(report)
        }
        func fail(_ errno: Errno, _ text: String) -> Never {
            say("\(errno.rawValue)\n\(text)")
            exit(1)
        }
        let file: ImageFile
        do throws(ImageError) { file = try ImageFile(OwnedDescriptor(image), .writing(durable: true)) } catch { fail(error.errno, error.description) }
        let fileSystem = ImageFileSystem(image: file, timeoutMilliseconds: timeoutMilliseconds)
        var negotiation = FUSENegotiation()
        negotiation.wanted.subtract([.readdirplus, .readdirplusAuto, .noOpendirSupport, .cacheSymlinks, .hasResend])
        // Readahead of what is missing only costs; a complete image has nothing missing.
        if !isComplete(file) { negotiation.maxReadahead = ContractOptions().readaheadPages * 4096 }
        let session: FUSESession<ImageFileSystem>
        do throws(Errno) { session = try FUSESession(fileSystem, descriptors: [device], configuration: FUSESessionConfiguration(negotiation: negotiation)) } catch {
            fail(error, "a session: \(error)")
        }
        fileSystem.attach(notifier: session.notifier)
        do throws(FUSESessionError) { try session.start() } catch { fail(error.errno, "\(error)") }
        say((["ready"] + file.findings.lines).joined(separator: "\n"))
        chdir("/")
        _ = session.waitUntilEnd()
        fileSystem.stop()
        exit(0)
    }

    private static func isComplete(_ image: ImageFile) -> Bool {
        image.inodes.allSatisfy { inode in (try? image.stored(inode))?.blocks == inode.blocks }
    }

    /// Starts one and waits until it serves. What it found in the image, for people.
    static func start(_ image: CInt, _ device: CInt, _ timeoutMilliseconds: UInt32, _ source: String) throws(Failure) -> [String] {
        let pipe = try Failure.attempt("a pipe") { () throws(Errno) in try SystemCalls.pipe() }
        defer { SystemCalls.close(pipe.read) }
        let null = try Failure.attempt("/dev/null") { () throws(Errno) in try SystemCalls.open("/dev/null", flags: O_RDWR) }
        do {
            defer { SystemCalls.close(pipe.write) }
            _ = try Failure.attempt("starting the daemon") { () throws(Errno) in
                try SystemCalls.spawn(
                    "/proc/self/exe", ["incfs-contractd", "serve-image", "\(timeoutMilliseconds)"],
                    descriptors: [null.rawValue, null.rawValue, DaemonProcess.log(null.rawValue), pipe.write, device, image], newSession: true)
            }
        }
        var bytes = [UInt8](repeating: 0, count: longestReport), count = 0
        while count < bytes.count, let got = try? bytes.withUnsafeMutableBytes({ try SystemCalls.read(pipe.read, into: UnsafeMutableRawBufferPointer(rebasing: $0[count...])) }), got > 0 {
            count += got
        }
        let lines = String(decoding: bytes[..<count], as: UTF8.self).split(separator: "\n").map(String.init)
        if lines.first == "ready" { return Array(lines.dropFirst()) }
        throw Failure(Errno(rawValue: lines.first.flatMap { CInt($0) } ?? EIO), "\(source): \(lines.count > 1 ? lines[1] : "its daemon ended at once")")
    }
}
