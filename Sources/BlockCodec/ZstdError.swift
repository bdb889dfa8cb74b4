/// Why Zstandard bytes were refused.
public enum ZstdError: Error, Equatable, CustomStringConvertible {
    /// The bytes do not start with a frame, or the frame does not say how long its content is.
    case notAFrame
    /// The frame says that its content has `declared` bytes, where `expected` were announced.
    case wrongContentSize(expected: Int, declared: UInt64)
    /// Bytes follow the frame: `extra` of them.
    case trailingBytes(extra: Int)
    /// The frame is damaged or truncated; libzstd's word for it.
    case corrupt(String)

    public var description: String {
        switch self {
        case .notAFrame: "not a Zstandard frame with a known content size"
        case .wrongContentSize(let expected, let declared): "the Zstandard frame holds \(declared) bytes where \(expected) were announced"
        case .trailingBytes(let extra): "\(extra) bytes follow the Zstandard frame"
        case .corrupt(let reason): "damaged Zstandard frame: \(reason)"
        }
    }
}
