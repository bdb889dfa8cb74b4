import LinuxSystem

/// Why a package could not be opened or mounted.
public struct OpenError: Error, Sendable, CustomStringConvertible {
    public enum Kind: Sendable {
        /// The origin did not answer, or not in time.
        case unreachable
        /// What lies at the address is no package, or is damaged.
        case notAPackage
        /// It is a package with another root than the one pinned.
        case wrongRoot
        /// Nobody who can be believed says that it is right.
        case untrusted
        /// The store cannot be written or read.
        case disk
    }
    public var kind: Kind
    /// What happened, to what and why.
    public var message: String
    /// What to do.
    public var hint: String?
    public var description: String { message }

    public init(kind: Kind, message: String, hint: String? = nil) {
        self.kind = kind
        self.message = message
        self.hint = hint
    }
}
