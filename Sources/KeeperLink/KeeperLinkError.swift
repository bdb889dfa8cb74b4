import LinuxSystem

/// Why something on the link between keeper and daemon failed.
public enum KeeperLinkError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The other process has closed the link: it ended.
    case closed
    /// The bytes are not a message of this protocol, or of another version of it.
    case malformed(String)
    /// A system call failed.
    case system(Errno, doing: String)
    /// The keeper could not do what it was asked for; the sentence is for people.
    case refused(Errno, String)
    /// The keeper gave no answer within the time it promises to need.
    case noAnswer(seconds: Int)

    /// The errno that a caller passes on: `EPIPE`, `EBADMSG`, `ETIMEDOUT`, or the one behind the failure.
    public var errno: Errno {
        switch self {
        case .closed: .brokenPipe
        case .malformed: .badMessage
        case .system(let errno, _), .refused(let errno, _): errno
        case .noAnswer: .timedOut
        }
    }

    public var description: String {
        switch self {
        case .closed: "the keeper process has ended; the mounts of this store end with it, mount them again"
        case .malformed(let what): "a message between keeper and daemon is not understood (\(what)); both must be of the same release"
        case .system(let errno, let doing): "\(doing) failed: \(errno)"
        case .refused(_, let sentence): sentence
        case .noAnswer(let seconds): "the keeper has not answered for \(seconds) s; see daemon.log in the store"
        }
    }
}
