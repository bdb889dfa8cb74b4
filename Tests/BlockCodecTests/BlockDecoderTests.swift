import CZstd
import Testing

@testable import BlockCodec

/// Blocks of the published interface: what its readers take, and nothing else.
@Suite struct BlockDecoderTests {
    private static let block = Array(String(repeating: "The quick brown fox jumps over the lazy dog. ", count: 100).utf8.prefix(4096))

    private func decode(_ stored: [UInt8], _ compression: BlockCompression, room: Int = 4096) -> [UInt8]? {
        var out = [UInt8](repeating: 0xAA, count: room)
        let count = stored.withUnsafeBytes { source in out.withUnsafeMutableBytes { BlockDecoder.decode(source, compression, into: $0) } }
        return count.map { Array(out[..<$0]) }
    }

    /// A frame in pieces, with the window that is asked for.
    private func frame(_ bytes: [UInt8], window: CInt, size: Bool = false, checksum: Bool = false) -> [UInt8] {
        let context = ZSTD_createCCtx()
        defer { ZSTD_freeCCtx(context) }
        ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, window)
        ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, size ? 1 : 0)
        ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, checksum ? 1 : 0)
        var out = [UInt8](repeating: 0, count: 8192)
        let count = out.withUnsafeMutableBytes { room in
            bytes.withUnsafeBytes { source -> Int in
                var output = ZSTD_outBuffer(dst: room.baseAddress, size: room.count, pos: 0)
                var input = ZSTD_inBuffer(src: source.baseAddress, size: source.count, pos: 0)
                // Twice, so that the size of the content is not known at the beginning.
                if !size { _ = ZSTD_compressStream2(context, &output, &input, ZSTD_e_flush) }
                _ = ZSTD_compressStream2(context, &output, &input, ZSTD_e_end)
                return output.pos
            }
        }
        return Array(out[..<count])
    }

    private func lz4(_ bytes: [UInt8]) -> [UInt8] {
        var out = [UInt8](repeating: 0, count: 8192)
        let count = bytes.withUnsafeBytes { source in out.withUnsafeMutableBytes { LZ4Block.compress(source, into: $0) } }
        return Array(out[..<count!])
    }

    @Test(arguments: [1, 2, 100, 4095, 4096]) func whatWasCompressedComesBack(size: Int) {
        let bytes = Array(Self.block.prefix(size))
        #expect(decode(lz4(bytes), .lz4) == bytes)
        #expect(decode(ZstdTests.compressed(bytes), .zstandard) == bytes)
        #expect(decode(lz4(bytes), .lz4, room: size) == bytes && decode(ZstdTests.compressed(bytes), .zstandard, room: size) == bytes)
        #expect(decode(lz4(bytes), .lz4, room: size - 1) == nil && decode(ZstdTests.compressed(bytes), .zstandard, room: size - 1) == nil)
    }

    /// The interface gives a decoder a window of one block.
    @Test func aFrameThatWantsALargerWindowIsRefused() {
        for window in [10, 11, 12] as [CInt] { #expect(decode(frame(Self.block, window: window), .zstandard) == Self.block, "\(window)") }
        for window in [13, 17, 20] as [CInt] { #expect(decode(frame(Self.block, window: window), .zstandard) == nil, "\(window)") }
        // With the size of its content in it, the content is all that it can want.
        #expect(decode(frame(Self.block, window: 17, size: true), .zstandard) == Self.block)
        // 4096 and an eighth: the exponent's byte stands behind the descriptor.
        var odd = frame(Self.block, window: 12)
        #expect(odd[5] == 2 << 3)
        odd[5] |= 1
        #expect(decode(odd, .zstandard) == nil)
    }

    /// A window of any size with the size of the content beside it, for each length of that field and of a dictionary's id.
    @Test func theSizeOfTheContentIsReadWhereverItStands() {
        for (descriptor, before) in [(0, 0), (1, 1), (2, 2), (3, 4)] as [(UInt8, Int)] {
            for (code, field, size) in [(1, [0x00, 0x0F], 4096), (2, [0, 0x10, 0, 0], 4096), (3, [0, 0x10, 0, 0, 0, 0, 0, 0], 4096), (1, [0x01, 0x0F], 4097)] as [(UInt8, [UInt8], Int)] {
                let head = [0x28, 0xB5, 0x2F, 0xFD, code << 6 | descriptor, 10 << 3] + [UInt8](repeating: 0, count: before) + field
                #expect(head.withUnsafeBytes { ZstdFrame.isDecodable($0, room: 4096) } == (size <= 4096), "\(descriptor) \(code)")
                #expect(!head.dropLast().withUnsafeBytes { ZstdFrame.isDecodable(UnsafeRawBufferPointer($0), room: 4096) })
            }
        }
        for count in 0..<5 { #expect(![0x28, 0xB5, 0x2F, 0xFD, 0x20].prefix(count).withUnsafeBytes { ZstdFrame.isDecodable(UnsafeRawBufferPointer($0), room: 4096) }) }
    }

    @Test func oneFrameAndNothingElse() {
        let first = ZstdTests.compressed(Array(Self.block.prefix(100)))
        #expect(decode(first + [1, 2, 3], .zstandard) == Array(Self.block.prefix(100)))
        #expect(decode(first + first, .zstandard) == Array(Self.block.prefix(100)))
        #expect(decode(Array(first.dropLast()), .zstandard) == nil)
        var summed = frame(Self.block, window: 12, checksum: true)
        #expect(decode(summed, .zstandard) == Self.block)
        summed[summed.count - 1] ^= 1
        #expect(decode(summed, .zstandard) == nil)
        // A frame to be skipped gives nothing; what older formats began with is none.
        #expect(decode([0x50, 0x2A, 0x4D, 0x18, 2, 0, 0, 0, 9, 9] + first, .zstandard) == [])
        for old in 0x22...0x27 as ClosedRange<UInt8> { #expect(decode([old, 0xB5, 0x2F, 0xFD] + first.dropFirst(4), .zstandard) == nil) }
    }

    @Test func whatIsNoBlockIsRefused() {
        for stored in [[0xFF], [0xFF, 0xFF, 0xFF], lz4(Self.block).dropLast(), lz4(Self.block) + [0]] as [[UInt8]] { #expect(decode(stored, .lz4) == nil) }
        for stored in [[0x28], [0x28, 0xB5, 0x2F, 0xFD], [UInt8](repeating: 1, count: 50)] as [[UInt8]] { #expect(decode(stored, .zstandard) == nil) }
    }
}
