import ControlAPI
import ImageFormat
import LinuxSystem

/// What `incfs image list` tells.
struct ImageReport: Encodable {
    enum Kind: String, Encodable { case file, directory }

    struct Entry: Encodable {
        /// From the image's root; nil for an inode without a name.
        var path: String?
        var pathBytes: String?
        var kind: Kind
        /// The permission bits, four octal digits.
        var mode: String
        var inode: UInt64
        var linkCount: UInt32
        /// Bytes.
        var size: UInt64
        var blocksPresent: UInt64
        var blocksTotal: UInt64
        /// Bytes that its blocks take in the image.
        var bytesStored: UInt64

        init(path: [UInt8]?, kind: Kind, mode: UInt32, inode: UInt64, linkCount: UInt32, size: UInt64, stored: (blocks: UInt64, bytes: UInt64), blocksTotal: UInt64) {
            let wire = path.map { WirePath(bytes: $0) }
            self.path = wire?.path
            pathBytes = wire?.pathBytes
            self.kind = kind
            let digits = String(mode & 0o7777, radix: 8)
            self.mode = String(repeating: "0", count: 4 - digits.count) + digits
            self.inode = inode
            self.linkCount = linkCount
            self.size = size
            (blocksPresent, bytesStored) = stored
            self.blocksTotal = blocksTotal
        }

        init(_ image: ImageFile, _ inode: ImageInode, path: [UInt8]?) throws(Errno) {
            self.init(
                path: path, kind: inode.isDirectory ? .directory : .file, mode: inode.mode, inode: inode.number, linkCount: image.links(of: inode), size: inode.size,
                stored: try image.stored(inode), blocksTotal: inode.blocks)
        }
    }

    var entries: [Entry] = []
    /// What an interrupted writing left at the end.
    var notes: [String]

    init(entries: [Entry], notes: [String]) {
        self.entries = entries
        self.notes = notes
    }

    /// Of everything in it: each name in the order of a walk, then what has none.
    init(_ image: ImageFile) throws(ImageError) {
        notes = image.findings.lines
        var named: Set<UInt64> = [image.root.number]
        do throws(Errno) {
            try walk(image, image.root, [], &named)
            for inode in image.inodes where !named.contains(inode.number) {
                entries.append(try Entry(image, inode, path: nil))
            }
        } catch { throw ImageError(error, "its block maps: \(error)") }
    }

    private mutating func walk(_ image: ImageFile, _ directory: ImageInode, _ path: [UInt8], _ named: inout Set<UInt64>) throws(Errno) {
        for (name, inode) in image.entries(of: directory) {
            let path = path + (path.isEmpty ? [] : [UInt8(ascii: "/")]) + name
            named.insert(inode.number)
            entries.append(try Entry(image, inode, path: path))
            if inode.isDirectory { try walk(image, inode, path, &named) }
        }
    }
}
