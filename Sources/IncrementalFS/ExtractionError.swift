import LinuxSystem

/// Why a package could not be made into a directory.
public struct ExtractionError: Error, Sendable {
    public enum Kind: Sendable {
        /// The directory cannot be made there: something is in it, somebody else is at it, no permission.
        case place
        /// The disk is full or fails.
        case disk
        /// A file of the package cannot be read.
        case content
        case cancelled
    }
    public var kind: Kind
    /// For people.
    public var message: String
    public var hint: String?
    public var errno: Errno?

    init(_ kind: Kind, _ message: String, hint: String? = nil, errno: Errno? = nil) {
        self.kind = kind
        self.message = message
        self.hint = hint
        self.errno = errno
    }
}
