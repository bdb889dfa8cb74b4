/// The first 32 bytes.
enum ImageSuperblock {
    static func encoded(first: UInt64) -> [UInt8] {
        ImageBytes.encoded(ImageLayout.magic) + ImageBytes.encoded(ImageLayout.version) + ImageBytes.encoded(UInt16(ImageLayout.superblockSize)) + ImageBytes.encoded(UInt32(0))
            + ImageBytes.encoded(first) + ImageBytes.encoded(UInt16(ImageLayout.blockSize))
    }

    /// Where the first record is; 0 is none. `EILSEQ` when it is no image that is known, `EBADMSG` when it is cut off.
    static func firstRecord(_ bytes: [UInt8]) throws(ImageError) -> UInt64 {
        let bytes = ImageBytes(bytes)
        if let magic: UInt64 = bytes.number(0), magic != ImageLayout.magic { throw .unknown(0, "this is no image of a volume: it begins otherwise") }
        guard let version: UInt64 = bytes.number(8), let size: UInt16 = bytes.number(16), let flags: UInt32 = bytes.number(18), let first: UInt64 = bytes.number(22),
            let blockSize: UInt16 = bytes.number(30)
        else { throw .damaged(0, "it is shorter than its superblock") }
        guard version == ImageLayout.version else { throw .unknown(8, "version \(version) of the format is not known, only version 1") }
        guard size == ImageLayout.superblockSize else { throw .unknown(16, "a superblock of \(size) bytes is not known, only of 32") }
        guard flags == 0 else { throw .unknown(18, "the flags 0x\(String(flags, radix: 16)) are not known") }
        guard blockSize == ImageLayout.blockSize else { throw .unknown(30, "blocks of \(blockSize) bytes are not known, only of 4096") }
        guard first == 0 || first >= UInt64(ImageLayout.superblockSize) else { throw .damaged(22, "the first record lies in the superblock") }
        return first
    }
}
