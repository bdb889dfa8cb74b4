import ContractControl
import ContractFUSE
import ContractVolume
import Glibc
import LinuxSystem

/// The daemon as a process: `incfs-contractd serve DIRECTORY`, with a pipe as descriptor 3 that says how the start went.
enum DaemonProcess {
    /// Where certificates for built-in signatures are looked for: `$INCFS_TRUSTED_CERTIFICATES`, else /etc/incfs/certificates.
    static var trusted: FilePath { FilePath(getenv("INCFS_TRUSTED_CERTIFICATES").map { String(cString: $0) } ?? "/etc/incfs/certificates") }

    static func run(_ path: FilePath) -> Never {
        let report: CInt = 3
        signal(SIGPIPE, SIG_IGN)
        // Modes are those that callers ask for.
        SystemCalls.setCreationMask(0)
        _ = SystemCalls.raiseOpenFileLimit()
        func say(_ text: String) {
            Array(text.utf8).withUnsafeBytes { _ = try? SystemCalls.write(report, $0) }
            SystemCalls.close(report)
        }
        do throws(Errno) {
            let status = try SystemCalls.status(of: path)
            let lock = try SystemCalls.open(ContractPlaces.lock(of: status), flags: O_RDWR | O_CREAT, mode: 0o600)
            do throws(Errno) { try SystemCalls.lockExclusively(lock.rawValue) } catch {
                // Another one is beginning or ending.
                say("busy")
                exit(0)
            }
            let backing: OwnedDescriptor?
            do throws(Errno) { backing = try BackingLock.take(path) } catch {
                guard error == .resourceTemporarilyUnavailable else { throw error }
                say("busy")
                exit(0)
            }
            let socket = ContractPlaces.socket(of: status)
            try SystemCalls.unlink(socket, missingIsFine: true)
            let directory = try BackingDirectory(path), tidied = try SystemCalls.realPath(path)
            directory.sweep()
            let listener = try SystemCalls.listen(atSocket: socket)
            let daemon = try ContractDaemon(directory: directory, trust: SignatureTrust(directory: trusted), socket: socket)
            say("ready")
            chdir("/")
            daemon.run(listener: listener.rawValue)
            Tidying.start(directory, tidied)
            _ = lock.rawValue
            _ = consume backing
            exit(0)
        } catch {
            say("\(error.rawValue)")
            exit(1)
        }
    }

    /// Starts one and waits until it listens. False when another one has the directory now.
    static func start(_ path: FilePath) throws(Failure) -> Bool {
        let answer = try report(of: ["serve", path.string])
        switch answer {
        case "ready": return true
        case "busy": return false
        default: throw Failure(Errno(rawValue: CInt(answer) ?? EIO), "\(path): the daemon could not start: \(CInt(answer).map { "\(Errno(rawValue: $0))" } ?? "it ended at once")")
        }
    }

    /// The longest report of a start that is read, in bytes.
    private static let longestReport = 65536

    /// Starts `incfs-contractd` with `arguments` as a daemon, its report's pipe as descriptor 3 and `descriptors` from 4 on. Returns all that it
    /// reported until it closed the pipe or ended.
    static func report(of arguments: [String], descriptors: [CInt] = []) throws(Failure) -> String {
        let pipe = try Failure.attempt("a pipe") { () throws(Errno) in try SystemCalls.pipe() }
        defer { SystemCalls.close(pipe.read) }
        let null = try Failure.attempt("/dev/null") { () throws(Errno) in try SystemCalls.open("/dev/null", flags: O_RDWR) }
        do {
            defer { SystemCalls.close(pipe.write) }
            _ = try Failure.attempt("starting the daemon") { () throws(Errno) in
                try SystemCalls.spawn(
                    "/proc/self/exe", ["incfs-contractd"] + arguments,
                    descriptors: [null.rawValue, null.rawValue, log(null.rawValue), pipe.write] + descriptors, newSession: true)
            }
        }
        var bytes = [UInt8](repeating: 0, count: longestReport), count = 0
        while count < bytes.count, let got = try? bytes.withUnsafeMutableBytes({ try SystemCalls.read(pipe.read, into: UnsafeMutableRawBufferPointer(rebasing: $0[count...])) }), got > 0 {
            count += got
        }
        return String(decoding: bytes[..<count], as: UTF8.self)
    }

    /// What a daemon that ends by itself says: to the terminal while it is ours, so that a crash is not silent.
    private static func log(_ null: CInt) -> CInt { getenv("INCFS_CONTRACT_LOG") != nil ? 2 : null }
}
