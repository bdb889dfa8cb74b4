/// Why bytes from the device are no request. None of these happens with a kernel that keeps its own protocol.
public enum FUSEParseError: Error, Hashable, Sendable {
    /// Fewer bytes than a header has: there is not even a request to refuse.
    case headerTooShort
    /// The header's length is not the number of bytes read.
    case lengthMismatch
    /// The fixed part of the request, or what it announces behind it, is cut off.
    case payloadTooShort
    /// A name is empty or has no end.
    case badName
}
