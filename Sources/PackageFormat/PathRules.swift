/// What names and paths in a package may be.
enum PathRules {
    private static let dot = UInt8(ascii: "."), slash = UInt8(ascii: "/")

    /// True for one component: 1 to 255 bytes, no `/`, no NUL, not `.` or `..`.
    static func isComponent(_ name: some Collection<UInt8>) -> Bool {
        guard !name.isEmpty, name.count <= PackageLimits.componentLength, !isDots(name) else { return false }
        for byte in name where byte == slash || byte == 0 { return false }
        return true
    }

    /// True for a relative path of one or more components that climbs nowhere.
    static func isPath(_ path: [UInt8]) -> Bool {
        path.split(separator: slash, omittingEmptySubsequences: false).allSatisfy { isComponent($0) }
    }

    /// True for a relative path of components, with `..` at most at its start, or nothing.
    static func isBasePath(_ path: [UInt8]) -> Bool {
        if path.isEmpty { return true }
        var climbing = true
        for component in path.split(separator: slash, omittingEmptySubsequences: false) {
            if component.elementsEqual([dot, dot]) {
                guard climbing else { return false }
            } else {
                guard isComponent(component) else { return false }
                climbing = false
            }
        }
        return true
    }

    private static func isDots(_ name: some Collection<UInt8>) -> Bool {
        name.count <= 2 && name.allSatisfy { $0 == dot }
    }
}
