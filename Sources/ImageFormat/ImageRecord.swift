/// A metadata record.
enum ImageRecord: Hashable, Sendable {
    /// Nothing; stands for a record that means nothing any more.
    case none
    case inode(number: UInt64, size: UInt64, mode: UInt16)
    case blockMap(inode: UInt64, base: UInt64, count: UInt32)
    case add(directory: UInt64, child: UInt64, name: [UInt8])
    case remove(directory: UInt64, child: UInt64, name: [UInt8])

    /// What stands in front of each.
    struct Header: Hashable, Sendable {
        var size: Int
        var next: UInt64
        var previous: UInt64
    }

    private var type: UInt8 {
        switch self {
        case .none: 0
        case .inode: 1
        case .blockMap: 2
        case .add, .remove: 3
        }
    }

    private var body: [UInt8] {
        switch self {
        case .none: return []
        case .inode(let number, let size, let mode): return ImageBytes.encoded(number) + ImageBytes.encoded(size) + ImageBytes.encoded(mode) + ImageBytes.encoded(UInt32(0))
        case .blockMap(let inode, let base, let count): return ImageBytes.encoded(inode) + ImageBytes.encoded(base) + ImageBytes.encoded(count)
        case .add(let directory, let child, let name): return Self.action(directory, child, 1, name)
        case .remove(let directory, let child, let name): return Self.action(directory, child, 2, name)
        }
    }

    private static func action(_ directory: UInt64, _ child: UInt64, _ action: UInt8, _ name: [UInt8]) -> [UInt8] {
        ImageBytes.encoded(directory) + ImageBytes.encoded(child) + [action, UInt8(name.count)] + name + [UInt8](repeating: 0, count: ImageLimits.longestName - name.count)
    }

    /// The record's bytes. Names are at most 255 bytes long.
    func encoded(previous: UInt64, next: UInt64 = 0) -> [UInt8] {
        let body = body
        var bytes = [type] + ImageBytes.encoded(UInt16(ImageLayout.recordHeaderSize + body.count)) + ImageBytes.encoded(UInt32(0)) + ImageBytes.encoded(UInt64(0))
            + ImageBytes.encoded(previous) + body
        bytes.replaceSubrange(ImageLayout.checksumField..<ImageLayout.nextField, with: ImageBytes.encoded(ImageChecksum.of(bytes)))
        bytes.replaceSubrange(ImageLayout.nextField..<ImageLayout.nextField + 8, with: ImageBytes.encoded(next))
        return bytes
    }

    /// Reads the record at the start of `bytes`, which lie at `offset`; the bytes reach to the end of the file, or are as long as
    /// the longest record. What leads to a record was written after it: one that is not there in full, or not as it was written, is damage,
    /// at the end of the file as well, where more may be missing than it.
    static func parse(_ bytes: [UInt8], at offset: UInt64) throws(ImageError) -> (ImageRecord, Header) {
        let all = ImageBytes(bytes)
        guard let type: UInt8 = all.number(0), let size: UInt16 = all.number(1), let checksum: UInt32 = all.number(3), let next: UInt64 = all.number(7),
            let previous: UInt64 = all.number(15)
        else { throw .damaged(offset, "a record is cut off by the end of the file") }
        guard Int(size) >= ImageLayout.recordHeaderSize, Int(size) <= ImageLayout.longestRecord else { throw .damaged(offset, "a record of \(size) bytes") }
        guard Int(size) <= bytes.count else { throw .damaged(offset, "a record is cut off by the end of the file") }
        var record = Array(bytes[..<Int(size)])
        for index in ImageLayout.checksumField..<ImageLayout.nextField + 8 { record[index] = 0 }
        guard ImageChecksum.of(record) == checksum else { throw .damaged(offset, "the record's checksum is wrong") }
        return (try decode(type, ImageBytes(record), at: offset), Header(size: Int(size), next: next, previous: previous))
    }

    private static func decode(_ type: UInt8, _ bytes: ImageBytes, at offset: UInt64) throws(ImageError) -> ImageRecord {
        switch type {
        case 0: return .none
        case 1:
            guard bytes.bytes.count == ImageLayout.inodeSize, let number: UInt64 = bytes.number(23), let size: UInt64 = bytes.number(31), let mode: UInt16 = bytes.number(39),
                let flags: UInt32 = bytes.number(41)
            else { throw .damaged(offset, "an inode of \(bytes.bytes.count) bytes") }
            guard flags == 0 else { throw .unknown(offset + 41, "the flags 0x\(String(flags, radix: 16)) of an inode are not known") }
            return .inode(number: number, size: size, mode: mode)
        case 2:
            guard bytes.bytes.count == ImageLayout.blockMapSize, let inode: UInt64 = bytes.number(23), let base: UInt64 = bytes.number(31), let count: UInt32 = bytes.number(39)
            else { throw .damaged(offset, "a block map's record of \(bytes.bytes.count) bytes") }
            return .blockMap(inode: inode, base: base, count: count)
        case 3:
            guard let directory: UInt64 = bytes.number(23), let child: UInt64 = bytes.number(31), let action: UInt8 = bytes.number(39), let length: UInt8 = bytes.number(40),
                ImageLayout.actionHeaderSize + Int(length) <= bytes.bytes.count
            else { throw .damaged(offset, "a directory action whose name does not fit in") }
            let name = Array(bytes.bytes[ImageLayout.actionHeaderSize..<ImageLayout.actionHeaderSize + Int(length)])
            switch action {
            case 0: return .none
            case 1: return .add(directory: directory, child: child, name: name)
            case 2: return .remove(directory: directory, child: child, name: name)
            default: throw .unknown(offset + 39, "the directory action \(action) is not known")
            }
        default: throw .unknown(offset, "records of type \(type) are not known")
        }
    }
}
