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
        if !isComplete(file) {
            negotiation.leaveReadaheadInForeground()
            negotiation.maxReadahead = ContractOptions().readaheadPages * 4096
        }
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
        let lines = try DaemonProcess.report(of: ["serve-image", "\(timeoutMilliseconds)"], descriptors: [device, image]).split(separator: "\n").map(String.init)
        if lines.first == "ready" { return Array(lines.dropFirst()) }
        throw Failure(Errno(rawValue: lines.first.flatMap { CInt($0) } ?? EIO), "\(source): \(lines.count > 1 ? lines[1] : "its daemon ended at once")")
    }
}
