import Testing

@testable import BlockCodec

@Suite struct ZstdTests {
    static let text = Array(String(repeating: "The quick brown fox jumps over the lazy dog. ", count: 3000).utf8)

    static func compressed(_ bytes: [UInt8], level: Int = 3) -> [UInt8] {
        var frame = [UInt8](repeating: 0, count: ZstdCompressor.bound(bytes.count))
        let compressor = ZstdCompressor(level: level)
        let length = bytes.withUnsafeBytes { source in frame.withUnsafeMutableBytes { compressor.compress(source, into: $0) } }
        return Array(frame.prefix(length!))
    }

    static func decode(_ frame: [UInt8], size: Int) -> Result<[UInt8], ZstdError> {
        var out = [UInt8](repeating: 0xaa, count: size)
        let decompressor = ZstdDecompressor()
        let result: Result<Void, ZstdError> = frame.withUnsafeBytes { source in
            out.withUnsafeMutableBytes { destination in
                do throws(ZstdError) { return .success(try decompressor.decompress(source, into: destination)) } catch { return .failure(error) }
            }
        }
        return result.map { out }
    }

    @Test(arguments: [0, 1, 2, 100, 4096, 131_072, 135_000]) func roundTrip(size: Int) {
        let bytes = Array(Self.text.prefix(size))
        for level in [1, 3, 19] { #expect(Self.decode(Self.compressed(bytes, level: level), size: size) == .success(bytes)) }
    }

    @Test func aReusedContextGivesTheSameFrame() {
        let compressor = ZstdCompressor(level: 3)
        var frames: [[UInt8]] = []
        for _ in 0..<3 {
            for bytes in [Self.text, Array(Self.text.prefix(777))] {
                var out = [UInt8](repeating: 0, count: 200_000)
                let n = bytes.withUnsafeBytes { source in out.withUnsafeMutableBytes { compressor.compress(source, into: $0) } }
                frames.append(Array(out.prefix(n!)))
            }
        }
        #expect(frames[0] == frames[2] && frames[2] == frames[4])
        #expect(frames[1] == frames[3] && frames[3] == frames[5])
    }

    @Test func whatDoesNotFitIsRefused() {
        var state: UInt64 = 1
        let noise = (0..<4096).map { _ in state = state &* 6_364_136_223_846_793_005 &+ 1; return UInt8(truncatingIfNeeded: state >> 40) }
        var out = [UInt8](repeating: 0, count: noise.count - 1)
        let compressor = ZstdCompressor(level: 3)
        #expect(noise.withUnsafeBytes { source in out.withUnsafeMutableBytes { compressor.compress(source, into: $0) } } == nil)
    }

    @Test func wrongSizesAreRefused() {
        let frame = Self.compressed(Self.text)
        #expect(Self.decode(frame, size: Self.text.count - 1) == .failure(.wrongContentSize(expected: Self.text.count - 1, declared: UInt64(Self.text.count))))
        #expect(Self.decode(frame, size: Self.text.count + 1) == .failure(.wrongContentSize(expected: Self.text.count + 1, declared: UInt64(Self.text.count))))
        #expect(Self.decode(frame + [0], size: Self.text.count) == .failure(.trailingBytes(extra: 1)))
        #expect(Self.decode(frame + frame, size: Self.text.count) == .failure(.trailingBytes(extra: frame.count)))
    }

    @Test func damageNeverPassesSilently() {
        let bytes = Array(Self.text.prefix(2000))
        let frame = Self.compressed(bytes)
        for length in 0..<frame.count {
            if case .success = Self.decode(Array(frame.prefix(length)), size: bytes.count) { Issue.record("truncated at \(length)") }
        }
        // A flipped bit may still decode: the digest of the stored bytes is what protects. It must not crash.
        for position in frame.indices { var bad = frame; bad[position] ^= 0x10; _ = Self.decode(bad, size: bytes.count) }
    }

    @Test func otherBytesAreNoFrame() {
        #expect(Self.decode([], size: 10) == .failure(.notAFrame))
        #expect(Self.decode(Array("<html>not found</html>".utf8), size: 10) == .failure(.notAFrame))
        // A skippable frame declares no content.
        let skippable: [UInt8] = [0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 1, 2, 3, 4]
        if case .success = Self.decode(skippable, size: 10) { Issue.record("a skippable frame was taken for content") }
        // A frame without content size: magic, descriptor without size, window, one empty last block.
        #expect(Self.decode([0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x58, 0x01, 0x00, 0x00], size: 10) == .failure(.notAFrame))
    }

    /// A few bytes that claim 1 GiB of content: refused by the announced size, before any memory is touched.
    @Test func bombsAreRefused() {
        var frame: [UInt8] = [0x28, 0xb5, 0x2f, 0xfd, 0xa0]
        frame += [0, 0, 0, 0x40]
        frame += [3, 0, 0, 0]
        #expect(Self.decode(frame, size: 4096) == .failure(.wrongContentSize(expected: 4096, declared: 1 << 30)))
    }
}
