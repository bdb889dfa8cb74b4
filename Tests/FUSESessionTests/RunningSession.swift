import FUSEProtocol
import FUSESession
import LinuxSystem

/// A session over a fake kernel that has agreed and runs.
struct RunningSession {
    let kernel: FakeKernel
    let fileSystem = ScriptedFileSystem()
    let session: FUSESession<ScriptedFileSystem>
    /// The answer to INIT; nil for a restored session.
    let initReply: FakeKernel.Message?

    init(configuration: FUSESessionConfiguration = Self.quiet, restoring: FUSESessionState? = nil) throws {
        kernel = try FakeKernel()
        session = try FUSESession(fileSystem, descriptors: [kernel.device.rawValue], configuration: configuration, restoring: restoring)
        if restoring == nil { try kernel.sendInit() }
        try session.start()
        initReply = restoring == nil ? try kernel.receive() : nil
    }

    /// Without spinning, which on a busy machine only takes time from the other tests.
    static var quiet: FUSESessionConfiguration { FUSESessionConfiguration(workers: 2, spinNanoseconds: 0) }

    /// Unmounts and waits.
    @discardableResult
    func end() -> FUSESessionEnd {
        kernel.unmount()
        return session.waitUntilEnd()
    }
}
