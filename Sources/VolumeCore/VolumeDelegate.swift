import LinuxSystem

/// Who answers parked reads. Called without locks held, from loader, completion and timer threads.
public protocol VolumeDelegate: AnyObject, Sendable {
    /// Every block of these reads is there: read and answer. The reads are out of the table; each is answered exactly once.
    func answer(_ reads: [PendingRead])
    /// The answer to this read is final: `errno` (`EIO`, `ETIME`, `EINTR`).
    func fail(_ read: PendingRead, errno: Errno)
}

/// Something a person may want to know, with the level at which it is logged.
public struct VolumeEvent: Sendable {
    public enum Level: Sendable { case info, warning, error }
    public var level: Level
    public var message: String

    public init(level: Level, message: String) {
        self.level = level
        self.message = message
    }
}
