import LinuxSystem

/// Why the session state of a mount could not be read or written.
public enum SessionStateError: Error, Equatable, Sendable, CustomStringConvertible {
    case tooLarge(bytes: Int, limit: Int)
    /// A successor has written: this daemon has been replaced and must stop.
    case superseded(byEpoch: UInt64)
    /// Neither slot is whole.
    case damaged
    case system(Errno)

    public var errno: Errno {
        switch self {
        case .tooLarge: .fileTooLarge
        case .superseded: Errno(rawValue: 116 /* ESTALE */)
        case .damaged: .badMessage
        case .system(let errno): errno
        }
    }

    public var description: String {
        switch self {
        case .tooLarge(let bytes, let limit): "the state of a mount has \(bytes) bytes, its memory file takes \(limit)"
        case .superseded(let epoch): "another daemon (epoch \(epoch)) serves this mount now; this one must end"
        case .damaged: "the state of a mount is damaged; unmount it lazily and mount it again"
        case .system(let errno): "the state of a mount cannot be read or written: \(errno)"
        }
    }
}
