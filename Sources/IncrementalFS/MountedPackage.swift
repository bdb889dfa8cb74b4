import FUSEProtocol
import FUSESession
import LinuxSystem
import VolumeCore
import VolumeFUSE

/// A package behind a FUSE connection: the session's threads, and what ends with them.
public final class MountedPackage: Sendable {
    public let package: OpenedPackage
    public let fileSystem: PackageFileSystem
    private let session: FUSESession<PackageFileSystem>

    /// Prepares to serve `package` on the open device `descriptors`, which stay the caller's and open until `stop` has returned.
    ///
    /// - Parameters:
    ///   - restoring: nil for a new mount (INIT is awaited), else what an earlier daemon agreed on this connection: what it left
    ///     unanswered is asked for again.
    ///   - onNegotiated: called with what will be agreed before the kernel hears of it: keep it for a successor.
    ///   - onEnd: called once, from a thread of the session, when the kernel has ended the connection.
    public init(
        package: OpenedPackage, descriptors: [CInt], uid: UInt32, gid: UInt32, restoring: FUSESessionState?,
        onNegotiated: @escaping @Sendable (FUSESessionState) -> Void, onEnd: @escaping @Sendable (FUSESessionEnd) -> Void
    ) throws(Errno) {
        self.package = package
        fileSystem = PackageFileSystem(volume: package.volume, uid: uid, gid: gid)
        var configuration = FUSESessionConfiguration()
        // Opens keep no state: one ENOSYS spares a request for each open of the whole mount.
        configuration.negotiation = FUSENegotiation(allowNoOpen: true)
        session = try FUSESession(
            fileSystem, descriptors: descriptors, configuration: configuration, restoring: restoring, onNegotiated: onNegotiated, onEnd: onEnd)
    }

    /// Counts of the FUSE session.
    public var sessionStatistics: FUSESessionStatistics { session.statistics }

    /// Starts to serve; returns when the mount is usable. Blocks; not for the cooperative pool.
    public func start() throws(FUSESessionError) {
        fileSystem.attach(notifier: session.notifier)
        package.start()
        do throws(FUSESessionError) { try session.start() } catch {
            fileSystem.stop()
            throw error
        }
    }

    /// Ends what serves the mount. Blocks until the session's threads are gone. Only after `start` has returned.
    public func stop() {
        session.stop()
        _ = session.waitUntilEnd()
        fileSystem.stop()
    }
}
