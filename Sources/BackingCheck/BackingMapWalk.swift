import LinuxSystem

/// The entries of a block map that are not all zeros, piece by piece. Holes of the file are not read: the map of a large file of
/// which little is there is nearly nothing else.
struct BackingMapWalk {
    private let bytes: BackingBytes
    private let base: UInt64
    private let count: UInt64
    private var following: UInt64 = 0
    private var first: UInt64 = 0
    private var piece: [UInt8] = []
    /// Where the map could not be read to its end.
    private(set) var cutOff: UInt64?

    /// Entries looked at in one piece.
    private static let atOnce: UInt64 = 65536

    init(_ bytes: BackingBytes, base: UInt64, entries: UInt64) {
        self.bytes = bytes
        self.base = base
        count = entries
    }

    /// Goes on to the next piece; false behind the last one.
    mutating func next() throws(Errno) -> Bool {
        if let data = bytes.nextData(base + following * 10) { following = max(following, (data - base) / 10) } else { following = count }
        guard following < count, cutOff == nil else { return false }
        first = following
        let wanted = min(Self.atOnce, count - first)
        piece = try bytes.read(base + first * 10, Int(wanted) * 10)
        following = first + wanted
        if UInt64(piece.count) < wanted * 10 {
            cutOff = base + first * 10
            piece = []
        }
        return true
    }

    /// Those of the piece, with their numbers.
    var entries: [(index: UInt64, bytes: ArraySlice<UInt8>)] {
        stride(from: 0, to: piece.count, by: 10).compactMap { at in
            let entry = piece[at..<at + 10]
            return entry.contains { $0 != 0 } ? (first + UInt64(at / 10), entry) : nil
        }
    }
}
