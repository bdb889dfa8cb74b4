import LinuxSystem

/// Why an image cannot be used.
public struct ImageError: Error, Hashable, Sendable, CustomStringConvertible {
    /// `EILSEQ`: it is no image, or one of a kind that is not known; `EBADMSG`: it is damaged; else what a system call said.
    public var errno: Errno
    /// Where in the file.
    public var offset: UInt64?
    /// What is wrong there, for people.
    public var reason: String

    public init(_ errno: Errno, at offset: UInt64? = nil, _ reason: String) {
        self.errno = errno
        self.offset = offset
        self.reason = reason
    }

    public var description: String { offset.map { "\(reason) (at 0x\(String($0, radix: 16)))" } ?? reason }

    static func damaged(_ offset: UInt64, _ reason: String) -> ImageError { ImageError(.badMessage, at: offset, reason) }
    static func unknown(_ offset: UInt64, _ reason: String) -> ImageError { ImageError(.illegalByteSequence, at: offset, reason) }
    static func attempt<Value>(_ doing: String, _ body: () throws(Errno) -> Value) throws(ImageError) -> Value {
        do throws(Errno) { return try body() } catch { throw ImageError(error, "\(doing): \(error)") }
    }
}
