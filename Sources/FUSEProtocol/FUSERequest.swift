/// One request of the kernel: who asks, about which node, and for what.
public struct FUSERequest: Sendable {
    public var header: FUSERequestHeader
    public var operation: FUSEOperation

    @inlinable
    public init(header: FUSERequestHeader, operation: FUSEOperation) {
        self.header = header
        self.operation = operation
    }

    /// Reads exactly one request, as one read(2) of the device gives it. Nothing outside `bytes` is looked at, nothing is
    /// allocated.
    @inlinable
    public static func parse(_ bytes: UnsafeRawBufferPointer) throws(FUSEParseError) -> FUSERequest {
        let header = try FUSERequestHeader.parse(bytes)
        let payload = UnsafeRawBufferPointer(start: bytes.baseAddress.unsafelyUnwrapped + FUSELayout.InHeader.size, count: bytes.count - FUSELayout.InHeader.size)
        return FUSERequest(header: header, operation: try FUSEOperation.parse(opcode: header.opcode, payload: payload))
    }
}
