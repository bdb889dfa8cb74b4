/// SplitMix64: the same numbers from the same seed everywhere.
public struct Generator: RandomNumberGenerator, Sendable {
    private var state: UInt64

    public init(seed: UInt64) { state = seed }

    public mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ z >> 30) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ z >> 27) &* 0x94d0_49bb_1331_11eb
        return z ^ z >> 31
    }

    /// True once in `n` times.
    public mutating func oneIn(_ n: Int) -> Bool { Int.random(in: 0..<n, using: &self) == 0 }

    /// Bytes that do not compress.
    public mutating func noise(_ count: Int) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            var place = 0
            while place < count {
                var word = next()
                for _ in 0..<min(8, count - place) {
                    buffer[place] = UInt8(truncatingIfNeeded: word)
                    word >>= 8
                    place += 1
                }
            }
            initialized = count
        }
    }

    /// Bytes that compress, with a trace of the seed in every block.
    public mutating func text(_ count: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count + 64)
        while bytes.count < count { bytes += Array("\(next() % 100_000): the quick brown fox jumps over the lazy dog\n".utf8) }
        bytes.removeLast(bytes.count - count)
        return bytes
    }
}
