import LinuxSystem

/// Why the store could not do what it was asked to do.
public struct StoreError: Error, Sendable, CustomStringConvertible {
    /// The causes that a caller treats differently.
    public enum Cause: Sendable, Equatable {
        /// The file system refused (`ENOSPC`, `EIO`, `EACCES`, …). The content is not to blame: try again later.
        case system
        /// The bytes are not the content that the object's name promises: who described them lies. Final.
        case wrongContent
        /// The object exists with another size than the caller gives. Final.
        case wrongSize
        /// The call's range is not a range of whole blocks of this object: the caller's bug.
        case invalidRange
    }

    public let cause: Cause
    /// The error as the system reported it; `EBADMSG`, `EINVAL` for causes of our own.
    public let errno: Errno
    /// The file it happened to.
    public let path: FilePath
    /// What was being done, as a sentence without a full stop.
    public let sentence: String

    public init(_ cause: Cause, _ errno: Errno, _ path: FilePath, _ sentence: String) {
        self.cause = cause
        self.errno = errno
        self.path = path
        self.sentence = sentence
    }

    public var description: String { "\(sentence): \(path): \(errno)" }

    /// Runs a system call and says what it was for if it fails.
    static func wrap<T: ~Copyable>(_ path: FilePath, _ sentence: @autoclosure () -> String, _ body: () throws(Errno) -> T) throws(StoreError) -> T {
        do { return try body() } catch { throw StoreError(.system, error, path, sentence()) }
    }
}
