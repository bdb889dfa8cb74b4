/// Paths at an origin, as packages name them.
public enum SourcePath {
    /// The longest path that a source accepts, in bytes (`PATH_MAX` without its NUL).
    public static let maximumLength = 4095

    /// The components of `path`, or nil if it names nothing a package may name: empty components, `.`, `..` anywhere but in
    /// front, a leading or trailing `/`, a NUL byte, more than `maximumLength` bytes.
    /// The empty path (the envelope itself) has no components.
    ///
    /// `..` in front is how an envelope describes a directory beside its own (in place). It leads nowhere that matters:
    /// bytes from there are used only if they have the digest that the package names.
    public static func components(of path: [UInt8]) -> [ArraySlice<UInt8>]? {
        if path.isEmpty { return [] }
        if path.count > maximumLength || path.contains(0) { return nil }
        let parts = path.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        let dot = UInt8(ascii: ".")
        let inner = parts.drop { $0.elementsEqual([dot, dot]) }
        for part in inner where part.isEmpty || part.elementsEqual([dot]) || part.elementsEqual([dot, dot]) { return nil }
        return inner.isEmpty ? nil : parts
    }
}
