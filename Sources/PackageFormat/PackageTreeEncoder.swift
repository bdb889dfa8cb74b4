/// A tree as bytes, with what it adds up to.
public struct EncodedTree: Sendable {
    public let bytes: [UInt8]
    let totals: TreeTotals
}

/// Collects nodes and names, and encodes them as a tree.
///
/// Node 0 is the root; add a directory before what is in it. Names may be given in any order and are sorted by their bytes.
public struct PackageTreeEncoder {
    private struct Name { var directory: UInt32; var offset: UInt32; var length: UInt16; var node: UInt32 }

    private var nodes: [TreeNode]
    private var names: [Name] = []
    private var strings: [UInt8] = []

    /// A tree with a root of these permissions and this time.
    public init(rootMode: UInt16, modifiedSeconds: Int64, modifiedNanoseconds: UInt32) {
        nodes = [TreeNode(kind: .directory, mode: rootMode, linkCount: 2, modifiedSeconds: modifiedSeconds, modifiedNanoseconds: modifiedNanoseconds)]
    }

    /// Nodes so far.
    public var nodeCount: Int { nodes.count }

    /// Node `number`, to be read or completed (size, data bytes, object).
    public subscript(number: Int) -> TreeNode {
        get { nodes[number] }
        set { nodes[number] = newValue }
    }

    /// Adds a node without a name yet; its link count grows with its names. Returns its number.
    public mutating func add(_ node: TreeNode) -> Int {
        var node = node
        node.linkCount = node.kind == .directory ? 2 : 0
        nodes.append(node)
        return nodes.count - 1
    }

    /// Adds a symbolic link without a name yet. Returns its number.
    public mutating func add(link target: [UInt8], mode: UInt16 = 0o777, modifiedSeconds: Int64, modifiedNanoseconds: UInt32) throws(PackageError) -> Int {
        guard (1...PackageLimits.linkTargetLength).contains(target.count), !target.contains(0) else {
            throw .malformed("a symbolic link's target is not 1 to 4095 bytes without NUL")
        }
        var node = TreeNode(kind: .symbolicLink, mode: mode, linkCount: 0, size: UInt64(target.count), modifiedSeconds: modifiedSeconds, modifiedNanoseconds: modifiedNanoseconds)
        node.targetOffset = UInt32(strings.count)
        node.targetLength = UInt32(target.count)
        strings.append(contentsOf: target)
        try checkStrings()
        nodes.append(node)
        return nodes.count - 1
    }

    /// Gives a node a name in a directory. Traps if either does not exist.
    ///
    /// - Throws: `PackageError` for a name that cannot be one.
    public mutating func add(name: [UInt8], in directory: Int, node: Int) throws(PackageError) {
        precondition(directory < nodes.count && node > 0 && node < nodes.count)
        guard PathRules.isComponent(name) else { throw .malformed("a name is empty, '.', '..', longer than 255 bytes, or holds '/' or NUL") }
        if nodes[node].firstName == TreeNode.none {
            nodes[node].firstName = UInt32(names.count)
            nodes[node].parent = UInt32(directory)
        }
        names.append(Name(directory: UInt32(directory), offset: UInt32(strings.count), length: UInt16(name.count), node: UInt32(node)))
        strings.append(contentsOf: name)
        try checkStrings()
        if nodes[node].kind == .directory { nodes[directory].linkCount += 1 } else { nodes[node].linkCount += 1 }
    }

    /// The path from the root by the name that a node was given first; empty for the root.
    public func path(of number: Int) -> [UInt8] {
        var components: [ArraySlice<UInt8>] = []
        var current = number
        while current != 0 {
            let name = names[Int(nodes[current].firstName)]
            components.append(strings[Int(name.offset)..<(Int(name.offset) + Int(name.length))])
            current = Int(name.directory)
        }
        return Array(components.reversed().joined(separator: [UInt8(ascii: "/")]))
    }

    /// The tree's bytes.
    ///
    /// - Parameter objectCount: how many objects the nodes name.
    public consuming func encoded(objectCount: Int) -> EncodedTree {
        let sorted = strings.withUnsafeBytes { table in
            names.sorted { a, b in
                if a.directory != b.directory { return a.directory < b.directory }
                return PackageTree.compare(Self.bytes(a, table), Self.bytes(b, table)) < 0
            }
        }
        for number in nodes.indices { nodes[number].firstName = TreeNode.none }
        for (number, name) in sorted.enumerated() {
            let directory = Int(name.directory)
            if nodes[directory].entryCount == 0 { nodes[directory].firstEntry = UInt32(number) }
            nodes[directory].entryCount += 1
            if nodes[Int(name.node)].firstName == TreeNode.none {
                nodes[Int(name.node)].firstName = UInt32(number)
                nodes[Int(name.node)].parent = name.directory
            }
        }
        var writer = ByteWriter()
        TreeLayout(nodes: nodes.count, entries: sorted.count, objects: objectCount, strings: strings.count).write(to: &writer)
        var totals = TreeTotals()
        for node in nodes {
            node.write(to: &writer)
            switch node.kind {
            case .regular:
                totals.files += 1
                totals.bytes &+= node.size
                totals.dataBytes &+= node.dataBytes
            case .directory: totals.directories += 1
            case .symbolicLink: totals.symbolicLinks += 1
            }
        }
        for name in sorted { TreeEntry(nameOffset: name.offset, nameLength: name.length, node: name.node, directory: name.directory).write(to: &writer) }
        writer.raw(strings)
        return EncodedTree(bytes: writer.bytes, totals: totals)
    }

    private static func bytes(_ name: Name, _ table: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: table[Int(name.offset)..<(Int(name.offset) + Int(name.length))])
    }

    private func checkStrings() throws(PackageError) {
        try PackageManifest.check("tree length", UInt64(strings.count), atMost: PackageLimits.treeLength)
    }
}
