import LinuxSystem
import PackageFormat
import VolumeTesting
@testable import VolumeCore

/// What is known of one block by what was delivered. The reference that a volume is compared with.
enum Knowledge: Equatable {
    case present, missing
    /// A byte of the store was flipped since: present and right, or missing.
    case doubtful
}

/// The reference model: published bytes, and which blocks were delivered. Knows nothing of stores, extents' holes or slots:
/// it is built from the index's records, one block at a time.
struct VolumeModel {
    struct File {
        var path: String
        var node: Int
        var object: Int
        var bytes: [UInt8]
    }
    let files: [File]
    /// For each object and block the chunk that brings it; nil in a hole.
    let chunkOf: [[Int?]]
    var blocks: [[Knowledge]]
    /// Chunks that were delivered since the store was last damaged.
    var delivered: Set<Int> = []

    init(_ package: PublishedPackage, _ volume: PackageVolume) throws {
        var files: [File] = []
        for file in package.files where !file.bytes.isEmpty {
            let node = volume.node(atPath: Array(file.path.utf8))!
            files.append(File(path: file.path, node: node, object: volume.tree.node(node).objectIndex!, bytes: file.bytes))
        }
        self.files = files
        var chunkOf: [[Int?]] = []
        for number in 0..<volume.objectCount {
            let object = try volume.index.object(number)!
            var chunks = [Int?](repeating: nil, count: Int((object.size + 4095) / 4096))
            for block in chunks.indices {
                for i in object.extents {
                    let extent = try volume.index.extent(i)!
                    let offset = UInt64(block) * 4096
                    if offset >= extent.fileOffset && offset < extent.fileEnd { chunks[block] = volume.index.chunk(of: extent, holding: offset) }
                }
            }
            chunkOf.append(chunks)
        }
        self.chunkOf = chunkOf
        blocks = chunkOf.map { $0.map { $0 == nil ? .present : .missing } }
    }

    mutating func deliver(_ chunk: Int) {
        delivered.insert(chunk)
        for object in blocks.indices {
            for block in blocks[object].indices where chunkOf[object][block] == chunk && blocks[object][block] == .missing { blocks[object][block] = .present }
        }
    }

    mutating func damage() {
        delivered = []
        // A hole has no bytes in the store, but an object that is thrown away is looked at again as a whole.
        for object in blocks.indices { for block in blocks[object].indices where blocks[object][block] == .present { blocks[object][block] = .doubtful } }
    }

    /// The blocks that `size` bytes at `offset` touch.
    func range(_ file: File, _ offset: Int, _ size: Int) -> Range<Int> {
        let end = min(offset + size, file.bytes.count)
        return offset >= end ? 0..<0 : offset / 4096..<(end + 4095) / 4096
    }

    func state(_ file: File, _ offset: Int, _ size: Int) -> Knowledge {
        let states = blocks[file.object][range(file, offset, size)]
        if states.contains(.missing) { return .missing }
        return states.contains(.doubtful) ? .doubtful : .present
    }

    /// The chunks that a reader of the range has to wait for.
    func missingChunks(_ file: File, _ offset: Int, _ size: Int) -> Set<Int> {
        Set(range(file, offset, size).compactMap { blocks[file.object][$0] == .missing ? chunkOf[file.object][$0] : nil })
    }
}
