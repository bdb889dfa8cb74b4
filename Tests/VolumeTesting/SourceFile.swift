/// A file to be published.
public struct SourceFile: Sendable {
    /// Relative to the package's root, `/` between components.
    public var path: String
    /// The whole content, holes as zeros.
    public var bytes: [UInt8]
    /// Ranges that are not written, so that the file has holes there; multiples of 4096, but for the end.
    public var holes: [Range<Int>]

    public init(_ path: String, _ bytes: [UInt8], holes: [Range<Int>] = []) {
        self.path = path
        self.bytes = bytes
        self.holes = holes
        for hole in holes { for i in hole { self.bytes[i] = 0 } }
    }
}
