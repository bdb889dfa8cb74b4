/// Checks every rule that `PackageTree` relies on, in O(nodes + entries).
///
/// Afterwards: every offset lies inside its table; each entry belongs to exactly one directory; every node but the root has
/// a name; directories have exactly one, and a parent with a lower number, so that there is no loop and all is reachable.
struct TreeValidator {
    private let bytes: UnsafeRawBufferPointer
    private let layout: TreeLayout

    init(_ bytes: UnsafeRawBufferPointer, _ layout: TreeLayout) {
        self.bytes = bytes
        self.layout = layout
    }

    /// - Parameter owners: for each object `TreeNode.none`; afterwards the first node that has it.
    func validate(owners: inout [UInt32]) throws(PackageError) -> TreeTotals {
        var totals = TreeTotals()
        // How many names, and how many subdirectories, each node turned out to have.
        var names = [UInt32](repeating: 0, count: layout.nodes)
        var subdirectories = [UInt32](repeating: 0, count: layout.nodes)
        var depths = [UInt16](repeating: 0, count: layout.nodes)
        var nextEntry = 0
        for number in 0..<layout.nodes {
            let node = try node(number)
            try checkFields(node, number)
            switch node.kind {
            case .directory:
                totals.directories += 1
                guard Int(node.firstEntry) == (node.entryCount == 0 ? 0 : nextEntry), Int(node.entryCount) <= layout.entries - nextEntry else {
                    throw .malformed("directory \(number)'s entries do not follow those of the directory before it")
                }
                for entry in nextEntry..<(nextEntry + Int(node.entryCount)) {
                    try check(entry: entry, first: nextEntry, directory: number, &names, &subdirectories)
                }
                nextEntry += Int(node.entryCount)
                if number > 0 { try descend(number, node, &depths) }
            case .regular:
                totals.files += 1
                try add(node.size, to: &totals.bytes)
                try add(node.dataBytes, to: &totals.dataBytes)
                try checkObject(node, number, &owners)
            case .symbolicLink: totals.symbolicLinks += 1
            }
        }
        guard nextEntry == layout.entries else { throw .malformed("\(layout.entries - nextEntry) entries belong to no directory") }
        try checkLinks(names, subdirectories)
        for owner in owners where owner == TreeNode.none { throw .malformed("an object has no file") }
        return totals
    }

    private func node(_ number: Int) throws(PackageError) -> TreeNode {
        let offset = TreeLayout.headerLength + number * TreeNode.length
        guard let node = TreeNode(bytes, at: offset), bytes[offset + 1] == 0 else { throw .malformed("node \(number) is of no known kind") }
        return node
    }

    private func checkFields(_ node: TreeNode, _ number: Int) throws(PackageError) {
        guard node.mode & ~0o7777 == 0 else { throw .malformed("node \(number)'s mode has more than the 12 permission bits") }
        guard node.modifiedNanoseconds < 1_000_000_000 else { throw .malformed("node \(number)'s time has more than 999,999,999 nanoseconds") }
        guard node.size <= PackageLimits.fileSize, node.dataBytes <= node.size else { throw .malformed("node \(number)'s size is out of range") }
        if node.kind == .regular { try PackageLimits.checkHoles(size: node.size, dataBytes: node.dataBytes, of: "node \(number)") }
        if number == 0 {
            guard node.kind == .directory, node.parent == 0, node.firstName == TreeNode.none else { throw .malformed("node 0 is not a root") }
        } else {
            guard Int(node.firstName) < layout.entries, Int(node.parent) < layout.nodes else { throw .malformed("node \(number) has no name") }
            let entry = entry(Int(node.firstName))
            guard Int(entry.node) == number, entry.directory == node.parent else { throw .malformed("node \(number)'s first name is another node's") }
        }
        guard node.kind == .directory || (node.firstEntry == 0 && node.entryCount == 0) else { throw .malformed("node \(number) has entries but is no directory") }
        guard node.kind == .regular || (node.object == TreeNode.none && node.dataBytes == 0) else { throw .malformed("node \(number) has content but is no file") }
        if node.kind == .symbolicLink {
            guard node.targetLength >= 1, Int(node.targetLength) <= PackageLimits.linkTargetLength, Int(node.targetOffset) + Int(node.targetLength) <= layout.strings,
                node.size == UInt64(node.targetLength), !string(Int(node.targetOffset), Int(node.targetLength)).contains(0)
            else { throw .malformed("node \(number)'s symbolic link target is not 1 to 4095 bytes without NUL") }
        } else {
            guard node.targetOffset == 0, node.targetLength == 0 else { throw .malformed("node \(number) has a target but is no symbolic link") }
            guard node.kind != .directory || node.size == 0 else { throw .malformed("directory \(number) has a size") }
        }
    }

    private func check(entry number: Int, first: Int, directory: Int, _ names: inout [UInt32], _ subdirectories: inout [UInt32]) throws(PackageError) {
        let entry = entry(number)
        guard Int(entry.directory) == directory, Int(entry.node) < layout.nodes, entry.node > 0,
            Int(entry.nameOffset) + Int(entry.nameLength) <= layout.strings,
            bytes[layout.entriesOffset + number * TreeEntry.length + 6] == 0, bytes[layout.entriesOffset + number * TreeEntry.length + 7] == 0
        else { throw .malformed("entry \(number) points outside the tree") }
        let name = string(Int(entry.nameOffset), Int(entry.nameLength))
        guard PathRules.isComponent(name) else { throw .malformed("entry \(number)'s name is empty, '.', '..', longer than 255 bytes, or holds '/' or NUL") }
        if number > first {
            let before = self.entry(number - 1)
            guard PackageTree.compare(string(Int(before.nameOffset), Int(before.nameLength)), name) < 0 else {
                throw .malformed("entry \(number)'s name is not sorted behind the one before it")
            }
        }
        let child = try node(Int(entry.node))
        if names[Int(entry.node)] == 0 {
            guard Int(child.firstName) == number else { throw .malformed("node \(entry.node)'s first name is not its first entry") }
        } else if child.kind == .directory {
            throw .malformed("directory \(entry.node) has two names")
        }
        names[Int(entry.node)] &+= 1
        if child.kind == .directory { subdirectories[directory] &+= 1 }
    }

    private func descend(_ number: Int, _ node: TreeNode, _ depths: inout [UInt16]) throws(PackageError) {
        guard Int(node.parent) < number else { throw .malformed("directory \(number) comes before its parent") }
        let depth = Int(depths[Int(node.parent)]) + 1
        guard depth <= PackageLimits.depth else { throw .limitExceeded("depth of directories", value: UInt64(depth), limit: UInt64(PackageLimits.depth)) }
        depths[number] = UInt16(depth)
    }

    private func checkObject(_ node: TreeNode, _ number: Int, _ owners: inout [UInt32]) throws(PackageError) {
        guard (node.size == 0) == (node.object == TreeNode.none) else { throw .malformed("file \(number) is empty with content, or has none") }
        guard node.size > 0 else { return }
        guard Int(node.object) < layout.objects else { throw .malformed("file \(number)'s object does not exist") }
        let owner = owners[Int(node.object)]
        if owner == TreeNode.none {
            owners[Int(node.object)] = UInt32(number)
        } else {
            let other = try self.node(Int(owner))
            guard other.size == node.size, other.dataBytes == node.dataBytes else { throw .malformed("files \(owner) and \(number) share an object but not a size") }
        }
    }

    private func checkLinks(_ names: [UInt32], _ subdirectories: [UInt32]) throws(PackageError) {
        for number in 0..<layout.nodes {
            let node = try node(number)
            let expected: UInt64
            if node.kind == .directory {
                guard number == 0 ? names[0] == 0 : names[number] == 1 else { throw .malformed("directory \(number) is not reachable by exactly one name") }
                expected = UInt64(subdirectories[number]) + 2
            } else {
                guard names[number] > 0 else { throw .malformed("node \(number) has no name") }
                expected = UInt64(names[number])
            }
            guard UInt64(node.linkCount) == expected else { throw .malformed("node \(number)'s link count is \(node.linkCount), not \(expected)") }
        }
    }

    private func add(_ value: UInt64, to total: inout UInt64) throws(PackageError) {
        let (sum, overflow) = total.addingReportingOverflow(value)
        guard !overflow else { throw .malformed("the sizes add up to more than 64 bits") }
        total = sum
    }

    private func entry(_ number: Int) -> TreeEntry { TreeEntry(bytes, at: layout.entriesOffset + number * TreeEntry.length) }

    private func string(_ offset: Int, _ length: Int) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: bytes[(layout.stringsOffset + offset)..<(layout.stringsOffset + offset + length)])
    }
}
