/// The sole owner of a file descriptor. It is closed when the owner ends, unless `take()` gave it away.
public struct OwnedDescriptor: ~Copyable, Sendable {
    /// The descriptor's number, valid while this owner lives.
    public let rawValue: CInt

    /// Takes over an open descriptor.
    public init(_ rawValue: CInt) { self.rawValue = rawValue }

    /// Closes now.
    public consuming func close() { SystemCalls.close(rawValue); discard self }

    /// Gives up ownership: the caller closes it.
    public consuming func take() -> CInt { let raw = rawValue; discard self; return raw }

    deinit { SystemCalls.close(rawValue) }
}
