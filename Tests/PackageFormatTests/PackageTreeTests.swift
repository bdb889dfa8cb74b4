import Testing

@testable import PackageFormat

@Suite struct PackageTreeTests {
    static func lookup(_ tree: PackageTree, _ directory: Int, _ name: String) -> Int? { Array(name.utf8).withUnsafeBytes { tree.lookup(directory: directory, name: $0) } }

    @Test func lookups() throws {
        let tree = try parseTree(try SamplePackage().tree()).get()
        #expect(tree.nodeCount == 8 && tree.entryCount == 8 && tree.objectCount == 3)
        #expect(Self.lookup(tree, 0, "dir") == 1 && Self.lookup(tree, 0, "a.txt") == 2 && Self.lookup(tree, 1, "z-link") == 2)
        for missing in ["", "di", "dir2", "A", "zz", "z-link"] { #expect(Self.lookup(tree, 0, missing) == nil) }
        #expect(Self.lookup(tree, 2, "a.txt") == nil && Self.lookup(tree, 7, "x") == nil)
        #expect(tree.node(2).linkCount == 2 && tree.node(0).linkCount == 3 && tree.node(1).linkCount == 3 && tree.node(7).linkCount == 2)
        #expect(tree.node(2).modifiedSeconds == -5 && tree.node(2).modifiedNanoseconds == 999_999_999 && tree.node(1).mode == 0o1777)
        #expect(tree.entries(of: 1).map { String(decoding: tree.entry($0).name, as: UTF8.self) } == ["b", "big", "none", "z-link"])
        #expect(tree.entries(of: 7).isEmpty && tree.entries(of: 2).isEmpty)
        #expect(Array(tree.linkTarget(of: 4)) == Array("a.txt".utf8) && tree.linkTarget(of: 2).isEmpty)
        #expect(String(decoding: tree.path(of: 5), as: UTF8.self) == "dir/big" && tree.path(of: 2) == Array("a.txt".utf8) && tree.path(of: 0).isEmpty)
        #expect(tree.parent(of: 5) == 1 && tree.parent(of: 1) == 0 && tree.parent(of: 0) == 0)
        #expect(tree.node(forObject: 0) == 2 && tree.node(forObject: 1) == 5 && tree.node(forObject: 2) == 6)
        #expect(tree.node(3).objectIndex == nil && tree.node(5).objectIndex == 1)
    }

    @Test func namesInAnyBytesKeepTheirOrder() throws {
        var encoder = PackageTreeEncoder(rootMode: 0o755, modifiedSeconds: 0, modifiedNanoseconds: 0)
        let names: [[UInt8]] = (1...255).filter { $0 != 0x2f && $0 != 0x2e }.map { [UInt8($0)] } + [[0xff, 0xfe], [0x61, 0x01], [0x61, 0xff], [0x2e, 0x2e, 0x2e], [UInt8](repeating: 0x80, count: 255)]
        for name in names.reversed() { try encoder.add(name: name, in: 0, node: encoder.add(TreeNode(kind: .regular, mode: 0, linkCount: 0, modifiedSeconds: 0, modifiedNanoseconds: 0))) }
        let tree = try parseTree(encoder.encoded(objectCount: 0).bytes).get()
        #expect(tree.entries(of: 0).map { Array(tree.entry($0).name) } == names.sorted { $0.lexicographicallyPrecedes($1) })
        for name in names { #expect(name.withUnsafeBytes { tree.lookup(directory: 0, name: $0) } != nil) }
    }

    @Test func encoderRefusesBadNames() throws {
        for bad in ["", ".", "..", "a/b", "a\u{0}", String(repeating: "x", count: 256)] {
            var encoder = try SamplePackage().encoder
            #expect(throws: PackageError.self) { try encoder.add(name: Array(bad.utf8), in: 0, node: 2) }
        }
        var encoder = try SamplePackage().encoder
        for bad in [[], [UInt8](repeating: 65, count: 4096), [65, 0]] {
            #expect(throws: PackageError.self) { _ = try encoder.add(link: bad, modifiedSeconds: 0, modifiedNanoseconds: 0) }
        }
        #expect(throws: Never.self) { _ = try encoder.add(link: [UInt8](repeating: 65, count: 4095), modifiedSeconds: 0, modifiedNanoseconds: 0) }
    }

    /// Directories in directories, to the limit and one past it.
    @Test func depthAtItsLimit() throws {
        func tree(_ depth: Int) throws -> [UInt8] {
            var encoder = PackageTreeEncoder(rootMode: 0o755, modifiedSeconds: 0, modifiedNanoseconds: 0)
            var parent = 0
            for _ in 0..<depth {
                let node = encoder.add(TreeNode(kind: .directory, mode: 0o755, linkCount: 0, modifiedSeconds: 0, modifiedNanoseconds: 0))
                try encoder.add(name: [0x64], in: parent, node: node)
                parent = node
            }
            return encoder.encoded(objectCount: 0).bytes
        }
        let deepest = try parseTree(try tree(PackageLimits.depth)).get()
        #expect(deepest.path(of: PackageLimits.depth).count == 2 * PackageLimits.depth - 1)
        #expect(parseTree(try tree(PackageLimits.depth + 1)).failure == .limitExceeded("depth of directories", value: 2048, limit: 2047))
    }
}
