/// Exponential back-off with full jitter: attempt `n` waits a random time between a tenth of and the whole of
/// `min(limit, base · 2ⁿ)`, so that clients that failed together do not come back together.
struct BackOff {
    let base: UInt64
    let limit: UInt64

    /// Milliseconds to wait after failure number `attempt` (from 0); `random` is in 0..<1.
    func delay(attempt: Int, random: Double) -> UInt64 {
        let ceiling = attempt >= 32 ? limit : min(limit, base << UInt64(max(0, attempt)))
        return max(ceiling / 10, UInt64(Double(ceiling) * random))
    }
}

/// SplitMix64: small, seedable, good enough for jitter.
struct Jitter {
    private var state: UInt64
    init(seed: UInt64) { state = seed }

    /// Uniform in 0..<1.
    mutating func next() -> Double {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        z ^= z >> 31
        return Double(z >> 11) / Double(1 << 53)
    }
}
