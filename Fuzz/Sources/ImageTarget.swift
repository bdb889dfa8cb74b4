import Glibc
import ImageFormat
import LinuxSystem

extension Targets {
    /// An image of a volume, opened for reading and for writing. The first byte says whether its records get their right checksums, so
    /// that mutations come behind them.
    static func image(_ scratch: FilePath) -> FuzzTarget {
        let path = scratch.appending("image"), directory = scratch.appending("image-tree")
        return FuzzTarget(name: "image", seeds: {
            try SystemCalls.makeDirectories(directory.appending("sub"))
            try write(Array("hello".utf8), to: directory.appending("note"))
            try write((0..<20_000).map { UInt8(truncatingIfNeeded: $0 &* $0 >> 5) }, to: directory.appending("sub").appending("data"))
            _ = try ImageBuilder.create(from: directory, as: path)
            let bytes = try SystemCalls.contents(of: path)
            try SystemCalls.unlink(path)
            return [[0] + bytes, [1] + bytes]
        }, run: { bytes in
            guard let first = bytes.first else { return }
            var content = Array(bytes.dropFirst())
            if first & 1 == 1 { seal(&content) }
            try? write(content, to: path)
            if let image = try? open(path, .reading) { look(image) }
            precondition((try? SystemCalls.contents(of: path)) == content, "a look has changed the image")
            guard let image = try? open(path, .writing(durable: false)) else {
                precondition((try? SystemCalls.contents(of: path)) == content || content.isEmpty, "what was refused was changed")
                return
            }
            look(image)
            change(image)
            guard let again = try? open(path, .reading) else { preconditionFailure("what was taken and changed is not taken again") }
            precondition(again.findings.isEmpty, "something is left at the end: \(again.findings.lines)")
            precondition(again.inodes.map(\.number) == image.inodes.map(\.number), "the disk has other inodes than the memory")
        })
    }

    private static func open(_ path: FilePath, _ access: ImageFile.Access) throws -> ImageFile {
        try ImageFile(SystemCalls.open(path, flags: O_RDWR | O_CREAT, mode: 0o600), access)
    }

    /// Every name and every block; of a file that claims to be large the first.
    private static func look(_ image: ImageFile) {
        var buffer = [UInt8](repeating: 0, count: 4096)
        for inode in image.inodes {
            _ = (image.links(of: inode), image.entries(of: inode).count, image.parent(of: inode))
            for block in 0..<min(inode.blocks, 64) {
                let count = Int(min(4096, inode.size - block * 4096))
                _ = buffer.withUnsafeMutableBytes { image.read(inode, from: UInt32(block), into: UnsafeMutableRawBufferPointer(rebasing: $0[..<count])) }
            }
        }
    }

    /// What is accepted must be there.
    private static func change(_ image: ImageFile) {
        let data = [UInt8](repeating: 0x5A, count: 4096), name = Array("made by the fuzzer".utf8)
        if let inode = try? image.makeInode(size: 5000, mode: 0o100444) { try? image.addName(name, in: ImageLayout.rootInode, to: inode.number) }
        for inode in image.inodes where !inode.isDirectory && inode.blocks > 0 {
            let block = UInt32(inode.blocks - 1)
            let result = data.withUnsafeBytes { image.store([ImageBlock(inode: inode.number, block: block, data: 0..<4096, isCompressed: false)], from: $0) }
            guard !result.stored.isEmpty, let now = image.inode(inode.number) else { continue }
            var buffer = [UInt8](repeating: 0, count: Int(inode.size - UInt64(block) * 4096))
            let outcome = buffer.withUnsafeMutableBytes { image.read(now, from: block, into: $0) }
            precondition(outcome == .bytes && buffer.allSatisfy { $0 == 0x5A }, "a stored block does not come back")
        }
        for entry in image.entries(of: image.root).prefix(2) { try? image.removeName(entry.name, in: ImageLayout.rootInode) }
    }

    /// Gives every record that can be reached its right checksum.
    private static func seal(_ bytes: inout [UInt8]) {
        func number(_ offset: Int, _ size: Int) -> UInt64 { bytes[offset..<offset + size].reversed().reduce(0) { $0 << 8 | UInt64($1) } }
        guard bytes.count >= 32 else { return }
        var offset = Int(truncatingIfNeeded: number(22, 8)), rounds = 0
        while offset > 0, offset <= bytes.count - 23, rounds < 1000 {
            let size = Int(number(offset + 1, 2)), next = Int(truncatingIfNeeded: number(offset + 7, 8))
            guard size >= 23, size <= bytes.count - offset else { return }
            var record = Array(bytes[offset..<offset + size])
            for index in 3..<15 { record[index] = 0 }
            let sum = record.reduce(UInt32(0)) { sum, byte in (0..<8).reduce(sum ^ UInt32(byte)) { value, _ in value & 1 == 0 ? value >> 1 : value >> 1 ^ 0xEDB8_8320 } }
            for index in 0..<4 { bytes[offset + 3 + index] = UInt8(truncatingIfNeeded: sum >> (8 * UInt32(index))) }
            offset = next
            rounds += 1
        }
    }
}
