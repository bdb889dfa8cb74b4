/// Small mutations of byte strings, from a generator with a seed so that a run can be repeated.
public struct Mutator {
    private var state: UInt64

    public init(seed: UInt64) { state = seed }

    /// SplitMix64.
    public mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    public mutating func below(_ limit: Int) -> Int { limit <= 0 ? 0 : Int(next() % UInt64(limit)) }

    /// `input` with one to four fields changed where they are: what else is in it keeps its place.
    public mutating func overwrite(_ input: [UInt8], within limit: Int) -> [UInt8] {
        var bytes = input
        for _ in 0...below(4) {
            let width = min(1 << below(4), bytes.count)
            guard width > 0 else { return bytes }
            let at = below(min(bytes.count, max(limit, width)) - width + 1)
            var value: UInt64 = 0
            for index in (0..<width).reversed() { value = value << 8 | UInt64(bytes[at + index]) }
            switch below(5) {
            case 0: value = next()
            case 1: value = value &+ UInt64(below(9)) &- 4
            case 2: value ^= 1 << UInt64(below(width * 8))
            case 3: value = [0, 1, 0x7F, 0x80, 0xFF, 0xFFF, 0x1000, 0x1001, 0x2000, 0x7FFF, 0xFFFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, .max >> 1, .max][below(16)]
            default:
                // A number that is elsewhere in the input: offsets are wrong in the most interesting ways.
                let from = below(bytes.count - width + 1)
                value = (0..<width).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64(bytes[from + $1]) }
            }
            for index in 0..<width { bytes[at + index] = UInt8(truncatingIfNeeded: value); value >>= 8 }
        }
        if below(12) == 0 { bytes.removeLast(below(bytes.count + 1)) }
        return bytes
    }

    /// `input` with one to eight changes.
    public mutating func mutate(_ input: [UInt8], other: [UInt8]) -> [UInt8] {
        var bytes = input
        for _ in 0...below(8) {
            switch below(9) {
            case 0 where !bytes.isEmpty: bytes[below(bytes.count)] ^= 1 << UInt8(below(8))
            case 1 where !bytes.isEmpty: bytes[below(bytes.count)] = UInt8(truncatingIfNeeded: next())
            case 2: bytes.removeLast(below(bytes.count + 1))
            case 3: bytes.insert(contentsOf: (0..<below(32)).map { _ in UInt8(truncatingIfNeeded: 0) }, at: below(bytes.count + 1))
            case 4 where bytes.count >= 8:
                // An integer at a limit, of one of four widths, at any place.
                let width = 1 << below(4)
                let limits: [UInt64] = [0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, .max >> 1, .max, .max - 1]
                var value = limits[below(limits.count)]
                let at = below(bytes.count - width + 1)
                for i in 0..<width { bytes[at + i] = UInt8(truncatingIfNeeded: value); value >>= 8 }
            case 5 where bytes.count >= 4:
                let at = below(bytes.count - 3)
                var value = bytes[at..<at + 4].reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) } &+ UInt32(truncatingIfNeeded: below(9)) &- 4
                for i in 0..<4 { bytes[at + i] = UInt8(truncatingIfNeeded: value); value >>= 8 }
            case 6 where bytes.count > 1:
                let from = below(bytes.count), length = below(bytes.count - from)
                bytes.insert(contentsOf: bytes[from..<from + length], at: below(bytes.count + 1))
            case 7 where !other.isEmpty:
                let from = below(other.count)
                bytes.replaceSubrange(below(bytes.count + 1)..., with: other[from...])
            default: if !bytes.isEmpty { bytes.remove(at: below(bytes.count)) }
            }
        }
        if bytes.count > 1 << 20 { bytes.removeLast(bytes.count - (1 << 20)) }
        return bytes
    }
}
