/// Paths at an origin, as packages name them.
public enum SourcePath {
    /// The longest path that a source accepts, in bytes (`PATH_MAX` without its NUL).
    public static let maximumLength = 4095

    /// The components of `path`, or nil if it could lead out of the envelope's directory or name nothing: empty
    /// components, `.`, `..`, a leading or trailing `/`, a NUL byte, more than `maximumLength` bytes.
    /// The empty path (the envelope itself) has no components.
    public static func components(of path: [UInt8]) -> [ArraySlice<UInt8>]? {
        if path.isEmpty { return [] }
        if path.count > maximumLength || path.contains(0) { return nil }
        let parts = path.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        let dot = UInt8(ascii: ".")
        for part in parts where part.isEmpty || part.elementsEqual([dot]) || part.elementsEqual([dot, dot]) { return nil }
        return parts
    }
}
