/// A request that would change the tree. A read-only file system refuses it unread; the others ask for `change()`.
public struct FUSEModification: @unchecked Sendable {
    // Safety: `payload` points into the request's buffer and is read only while the request is handled.
    public let opcode: FUSEOpcode
    /// What lies behind the header.
    let payload: UnsafeRawBufferPointer

    @usableFromInline
    init(opcode: FUSEOpcode, payload: UnsafeRawBufferPointer) {
        self.opcode = opcode
        self.payload = payload
    }

    /// Reads the fixed part and the names. Bytes past what we know are allowed.
    public func change() throws(FUSEParseError) -> FUSEChange { try FUSEChange(opcode: opcode, payload: payload) }
}
