import Testing

@testable import PackageFormat

/// Trees that break one rule each.
@Suite struct HostileTreeTests {
    static func node(_ number: Int) -> Int { 64 + 64 * number }
    static func entry(_ number: Int) -> Int { node(8) + 16 * number }
    static let strings = entry(8)

    /// Parses the sample's tree with one change.
    func with(_ change: (inout [UInt8]) -> Void) throws -> PackageError? {
        var bytes = try SamplePackage().tree()
        change(&bytes)
        return parseTree(bytes).failure
    }

    func refused(_ rule: String, _ change: (inout [UInt8]) -> Void) throws {
        guard case .malformed(let found) = try with(change) else { Issue.record("accepted: \(rule)"); return }
        #expect(found.contains(rule), "\(found)")
    }

    @Test func theSampleItselfPasses() throws { #expect(try with { _ in } == nil) }

    @Test func truncatedAtEveryLength() throws {
        let bytes = try SamplePackage().tree()
        for length in 0..<bytes.count { #expect(parseTree(Array(bytes.prefix(length))).failure != nil) }
        #expect(parseTree(bytes + [0]).failure != nil)
    }

    /// No single changed byte makes the parser or a walk over an accepted tree trap.
    @Test func everyByteChanged() throws {
        let bytes = try SamplePackage().tree()
        for position in bytes.indices {
            for value: UInt8 in [0, 1, 0x2f, 0x7f, 0xff] {
                var bad = bytes
                bad[position] = value
                guard case .success(let tree) = parseTree(bad) else { continue }
                for number in 0..<tree.nodeCount {
                    _ = tree.path(of: number)
                    _ = tree.linkTarget(of: number)
                    for entry in tree.entries(of: number) { #expect(tree.lookup(directory: number, name: tree.entry(entry).name) == tree.entry(entry).node) }
                }
                for object in 0..<tree.objectCount { #expect(tree.node(tree.node(forObject: object)).objectIndex == object) }
            }
        }
    }

    @Test func absurdCounts() throws {
        for offset in [0, 4, 8, 12] {
            for value in [UInt32.max, 0x7fff_ffff, 1 << 26] { #expect(try with { put(value, at: offset, in: &$0) } != nil) }
        }
        #expect(parseTree([UInt8](repeating: 0, count: 64)).failure == .malformed("the tree has no root"))
        try refused("reserved", { $0[20] = 1 })
    }

    @Test func pathTraversalNames() throws {
        // The name "b" of node 6, and "dir" of node 1, in the string table: "a.txt" (target) dir a.txt empty link z-link big b none
        let b = Self.strings + 5 + 3 + 5 + 5 + 4 + 6 + 3
        let dir = Self.strings + 5
        try refused("name is empty, '.'", { $0[b] = UInt8(ascii: "/") })
        try refused("name is empty, '.'", { $0[b] = UInt8(ascii: ".") })
        try refused("name is empty, '.'", { $0[b] = 0 })
        try refused("name is empty, '.'", { bytes in bytes[dir] = UInt8(ascii: "."); bytes[dir + 1] = UInt8(ascii: "."); put(UInt16(2), at: Self.entry(1) + 4, in: &bytes) })
        try refused("name is empty, '.'", { put(UInt16(0), at: Self.entry(1) + 4, in: &$0) })
        try refused("name is empty, '.'", { bytes in bytes[dir] = UInt8(ascii: "/") })
    }

    @Test func entriesStayInside() throws {
        try refused("points outside", { put(UInt32.max, at: Self.entry(0), in: &$0) })
        try refused("points outside", { put(UInt16.max, at: Self.entry(0) + 4, in: &$0) })
        try refused("points outside", { put(UInt32(8), at: Self.entry(2) + 8, in: &$0) })
        try refused("points outside", { put(UInt32(0), at: Self.entry(2) + 8, in: &$0) })
        try refused("points outside", { $0[Self.entry(2) + 6] = 1 })
        try refused("points outside", { put(UInt32(1), at: Self.entry(0) + 12, in: &$0) })
        try refused("not sorted", { bytes in put(UInt32(5), at: Self.entry(2), in: &bytes); put(UInt16(3), at: Self.entry(2) + 4, in: &bytes) })
    }

    @Test func loopsAndOrphans() throws {
        // "none" (node 7) replaced by the directory that it lies in, and by the root's child.
        try refused("", { put(UInt32(1), at: Self.entry(6) + 8, in: &$0) })
        // dir is its own parent.
        try refused("first name", { put(UInt32(1), at: Self.node(1) + 48, in: &$0) })
        // A loop of directories in which each names the other: 1 contains 7, 7 is moved to be the parent of 1.
        try refused("", { bytes in
            put(UInt32(7), at: Self.node(1) + 48, in: &bytes)
            put(UInt32(7), at: Self.entry(1) + 12, in: &bytes)
        })
        try refused("entries do not follow", { put(UInt32(3), at: Self.node(0) + 44, in: &$0) })
        try refused("entries do not follow", { put(UInt32.max, at: Self.node(0) + 44, in: &$0) })
        try refused("entries do not follow", { put(UInt32(0), at: Self.node(1) + 40, in: &$0) })
        try refused("not a root", { $0[Self.node(0)] = 1 })
        try refused("not a root", { put(UInt32(1), at: Self.node(0) + 48, in: &$0) })
    }

    @Test func nodesKeepTheirRules() throws {
        try refused("no known kind", { $0[Self.node(2)] = 4 })
        try refused("no known kind", { $0[Self.node(2)] = 0 })
        try refused("no known kind", { $0[Self.node(2) + 1] = 1 })
        try refused("12 permission bits", { put(UInt16(0x1000), at: Self.node(2) + 2, in: &$0) })
        #expect(try with { put(UInt16(0o7777), at: Self.node(2) + 2, in: &$0) } == nil)
        try refused("link count", { put(UInt32(1), at: Self.node(2) + 4, in: &$0) })
        try refused("link count", { put(UInt32(2), at: Self.node(1) + 4, in: &$0) })
        try refused("nanoseconds", { put(UInt32(1_000_000_000), at: Self.node(2) + 32, in: &$0) })
        try refused("size is out of range", { put(PackageLimits.fileSize + 1, at: Self.node(2) + 8, in: &$0) })
        #expect(try with { put(PackageLimits.fileSize, at: Self.node(2) + 8, in: &$0); put(PackageLimits.fileSize, at: Self.node(2) + 16, in: &$0) } == nil)
        #expect(try with { put(PackageLimits.holeSize, at: Self.node(2) + 8, in: &$0); put(UInt64(0), at: Self.node(2) + 16, in: &$0) } == nil)
        let past = try with { put(PackageLimits.holeSize + 1, at: Self.node(2) + 8, in: &$0); put(UInt64(0), at: Self.node(2) + 16, in: &$0) }
        #expect(past == .limitExceeded("the number of bytes in holes of node 2", value: PackageLimits.holeSize + 1, limit: PackageLimits.holeSize))
        try refused("size is out of range", { put(UInt64(6), at: Self.node(2) + 16, in: &$0) })
        try refused("directory 1 has a size", { put(UInt64(1), at: Self.node(1) + 8, in: &$0) })
        try refused("has entries but", { put(UInt32(1), at: Self.node(2) + 44, in: &$0) })
        try refused("has content but", { put(UInt32(0), at: Self.node(1) + 36, in: &$0) })
        try refused("empty with content", { put(UInt32(0), at: Self.node(3) + 36, in: &$0) })
        try refused("empty with content", { put(TreeNode.none, at: Self.node(2) + 36, in: &$0) })
        try refused("object does not exist", { put(UInt32(3), at: Self.node(2) + 36, in: &$0) })
        try refused("share an object but not a size", { put(UInt32(1), at: Self.node(2) + 36, in: &$0) })
        try refused("an object has no file", { bytes in put(UInt32(2), at: Self.node(2) + 36, in: &bytes); put(UInt64(100), at: Self.node(2) + 8, in: &bytes); put(UInt64(100), at: Self.node(2) + 16, in: &bytes) })
    }

    @Test func linkTargetsKeepTheirRules() throws {
        for (offset, value) in [(60, UInt32(0)), (60, 4096), (60, .max), (56, .max), (56, 1 << 20)] {
            try refused("symbolic link target", { put(value, at: Self.node(4) + offset, in: &$0) })
        }
        try refused("symbolic link target", { put(UInt64(4), at: Self.node(4) + 8, in: &$0) })
        try refused("symbolic link target", { $0[Self.strings + 2] = 0 })
        try refused("has a target but", { put(UInt32(1), at: Self.node(2) + 60, in: &$0) })
    }
}
