import Glibc
import LinuxSystem
import PackageFormat

/// Lists a directory into a tree: parents before children, names in byte order, a directory's own files before those of its subdirectories.
struct DirectoryScan {
    /// A node for each thing found; sizes of files are set, objects are not.
    var tree: PackageTreeEncoder
    /// Nodes and identities of the files with content, in the order in which their content is packed.
    private var files: [(node: UInt32, identity: Identity)] = []
    private let root: FilePath
    /// Bytes in all files; a file with several links counts once.
    private(set) var bytes: UInt64 = 0
    /// The newest modification time.
    private(set) var newest: Int64

    private struct Identity: Hashable { var device: UInt64; var inode: UInt64 }
    /// Files with more than one link, by identity.
    private var linked: [Identity: Int] = [:]

    /// - Parameters:
    ///   - skips: answers whether a name in a directory of this status is left out (the publisher's own output).
    ///   - report: called with the number of names so far; throws to stop.
    init(_ root: FilePath, skips: (FileStatus, [UInt8]) -> Bool, report: (Int) throws(PublishError) -> Void) throws(PublishError) {
        let status: FileStatus
        do { status = try SystemCalls.status(of: root) } catch { throw .system(error, doing: "publish", root) }
        guard status.kind == .directory else { throw .system(.notDirectory, doing: "publish", root) }
        self.root = root
        tree = PackageTreeEncoder(rootMode: UInt16(status.mode & 0o7777), modifiedSeconds: status.modifiedSeconds, modifiedNanoseconds: status.modifiedNanoseconds)
        newest = status.modifiedSeconds
        var waiting = [(node: 0, path: root, status: status)]
        while let directory = waiting.popLast() {
            var subdirectories: [(node: Int, path: FilePath, status: FileStatus)] = []
            var names: [[UInt8]]
            do { names = try SystemCalls.list(directory.path) } catch { throw .system(error, doing: "list", directory.path) }
            names.sort { $0.lexicographicallyPrecedes($1) }
            for name in names where !skips(directory.status, name) {
                let path = directory.path.appending(bytes: name)
                let status: FileStatus
                do { status = try SystemCalls.status(of: path, followSymbolicLinks: false) } catch {
                    throw error == .noSuchFileOrDirectory ? .changed(path) : .system(error, doing: "look at", path)
                }
                let node = try add(path, status)
                do throws(PackageError) { try tree.add(name: name, in: directory.node, node: node) } catch { throw .format(error) }
                if status.kind == .directory { subdirectories.append((node, path, status)) }
                try report(tree.nodeCount)
            }
            waiting.append(contentsOf: subdirectories.reversed())
        }
    }

    /// How many files have content.
    var fileCount: Int { files.count }

    /// File `number` in packing order. Its path is put together from the tree, because a million paths are too much to keep.
    func file(_ number: Int) -> ScannedFile {
        let (node, identity) = files[number]
        let record = tree[Int(node)]
        let path = tree.path(of: Int(node)).split(separator: UInt8(ascii: "/")).reduce(root) { $0.appending(bytes: Array($1)) }
        return ScannedFile(
            node: Int(node), path: path, device: identity.device, inode: identity.inode, size: record.size,
            modifiedSeconds: record.modifiedSeconds, modifiedNanoseconds: record.modifiedNanoseconds)
    }

    private mutating func add(_ path: FilePath, _ status: FileStatus) throws(PublishError) -> Int {
        let identity = Identity(device: status.device, inode: status.inode)
        if status.kind != .directory, status.linkCount > 1, let node = linked[identity] { return node }
        newest = max(newest, status.modifiedSeconds)
        let node: Int
        switch status.kind {
        case .directory: node = tree.add(record(.directory, status))
        case .regular:
            node = tree.add(record(.regular, status))
            bytes += status.size
            if status.size > 0 { files.append((UInt32(node), identity)) }
        case .symbolicLink:
            let target: [UInt8]
            do { target = try SystemCalls.readLink(path) } catch { throw .system(error, doing: "read the link", path) }
            do throws(PackageError) {
                node = try tree.add(link: target, mode: UInt16(status.mode & 0o7777), modifiedSeconds: status.modifiedSeconds, modifiedNanoseconds: status.modifiedNanoseconds)
            } catch { throw .format(error) }
        case .other: throw .unsupportedFile(path)
        }
        if status.kind != .directory, status.linkCount > 1 { linked[identity] = node }
        return node
    }

    private func record(_ kind: TreeNode.Kind, _ status: FileStatus) -> TreeNode {
        TreeNode(
            kind: kind, mode: UInt16(status.mode & 0o7777), linkCount: 0, size: kind == .regular ? status.size : 0,
            modifiedSeconds: status.modifiedSeconds, modifiedNanoseconds: status.modifiedNanoseconds)
    }
}
