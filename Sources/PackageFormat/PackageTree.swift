import Glibc

/// The names, kinds, modes, sizes and times of a package: what a mount needs, checked once and then only looked up.
///
/// Node 0 is the root. A directory's number is higher than its parent's. Lookups allocate nothing (except `path`) and take
/// O(log entries). Immutable: callable from any thread. Buffers that are handed out live as long as the tree.
public final class PackageTree: @unchecked Sendable {
    // Safety: the memory is written before `init` returns and only read afterwards.
    private let bytes: UnsafeRawBufferPointer
    private let layout: TreeLayout
    private let entriesOffset: Int
    private let stringsOffset: Int
    /// For each object the first node that has it.
    private let owners: [UInt32]
    /// What the tree adds up to.
    let totals: TreeTotals

    /// Checks a decoded tree of `length` bytes that `fill` writes into the tree's own memory.
    ///
    /// - Throws: what `fill` throws, and `PackageError.malformed` with the rule that is broken.
    init(length: Int, fill: (UnsafeMutableRawBufferPointer) throws(PackageError) -> Void) throws(PackageError) {
        guard length >= TreeLayout.headerLength else { throw .malformed("the tree is shorter than its header") }
        let decoded = UnsafeMutableRawBufferPointer.allocate(byteCount: length, alignment: 64)
        do throws(PackageError) {
            try fill(decoded)
            let view = UnsafeRawBufferPointer(decoded)
            layout = try TreeLayout(parsing: view)
            var owners = [UInt32](repeating: TreeNode.none, count: layout.objects)
            totals = try TreeValidator(view, layout).validate(owners: &owners)
            entriesOffset = layout.entriesOffset
            stringsOffset = layout.stringsOffset
            self.owners = owners
            bytes = view
        } catch {
            decoded.deallocate()
            throw error
        }
    }

    deinit { bytes.deallocate() }

    /// Nodes in the package, the root included.
    public var nodeCount: Int { layout.nodes }
    /// Names in all directories.
    public var entryCount: Int { layout.entries }
    /// Distinct contents.
    public var objectCount: Int { layout.objects }

    /// Node `number`. Traps if there is no such node.
    public func node(_ number: Int) -> TreeNode {
        precondition(number >= 0 && number < layout.nodes)
        return TreeNode(bytes, at: TreeLayout.headerLength + number * TreeNode.length)!
    }

    /// The node that `name` is in `directory`; nil if there is none or `directory` is no directory.
    public func lookup(directory: Int, name: UnsafeRawBufferPointer) -> Int? {
        var range = entries(of: directory)
        while !range.isEmpty {
            let middle = range.lowerBound + range.count / 2
            let entry = rawEntry(middle)
            let order = PackageTree.compare(name, string(Int(entry.nameOffset), Int(entry.nameLength)))
            if order == 0 { return Int(entry.node) }
            range = order < 0 ? range.lowerBound..<middle : (middle + 1)..<range.upperBound
        }
        return nil
    }

    /// The numbers of a directory's entries, sorted by the names' bytes; empty for what is no directory.
    public func entries(of directory: Int) -> Range<Int> {
        let node = node(directory)
        return Int(node.firstEntry)..<(Int(node.firstEntry) + Int(node.entryCount))
    }

    /// Entry `number`. Traps if there is no such entry.
    public func entry(_ number: Int) -> (name: UnsafeRawBufferPointer, node: Int) {
        let entry = rawEntry(number)
        return (string(Int(entry.nameOffset), Int(entry.nameLength)), Int(entry.node))
    }

    /// A symbolic link's target; empty for other kinds.
    public func linkTarget(of number: Int) -> UnsafeRawBufferPointer {
        let node = node(number)
        return string(Int(node.targetOffset), Int(node.targetLength))
    }

    /// The directory that holds a node's first name; the root's is the root.
    public func parent(of number: Int) -> Int { Int(node(number).parent) }

    /// A node's first path from the root, `/` between components, none in front; empty for the root.
    public func path(of number: Int) -> [UInt8] {
        var components: [UnsafeRawBufferPointer] = []
        var current = number
        while current != 0 {
            let node = node(current)
            components.append(entry(Int(node.firstName)).name)
            current = Int(node.parent)
        }
        var path: [UInt8] = []
        for component in components.reversed() {
            if !path.isEmpty { path.append(UInt8(ascii: "/")) }
            path.append(contentsOf: component)
        }
        return path
    }

    /// The first node that has `object` as its content. Traps if there is no such object.
    public func node(forObject object: Int) -> Int {
        precondition(object >= 0 && object < layout.objects)
        return Int(owners[object])
    }

    /// memcmp(3) order, the shorter first among equals.
    static func compare(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer) -> Int {
        let common = min(a.count, b.count)
        if common > 0 {
            let order = memcmp(a.baseAddress!, b.baseAddress!, common)
            if order != 0 { return Int(order) }
        }
        return a.count - b.count
    }

    @inline(__always)
    private func rawEntry(_ number: Int) -> TreeEntry {
        precondition(number >= 0 && number < layout.entries)
        return TreeEntry(bytes, at: entriesOffset + number * TreeEntry.length)
    }

    @inline(__always)
    private func string(_ offset: Int, _ length: Int) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: bytes[(stringsOffset + offset)..<(stringsOffset + offset + length)])
    }
}
