/// Verified bytes that the store could not take: kept in memory for the readers that asked for them, and for the next ones
/// of the same neighbourhood, so that a full disk fails no read. Pure data; the owner holds a lock around each call.
///
/// Invariants:
/// * `count` is the sum of the pieces' bytes, at most `limit` unless a single piece is larger;
/// * pieces begin at whole blocks, and end at one or at the end of the object.
struct UnstoredPieces: Sendable {
    private struct Piece: Sendable {
        let object: UInt32
        let range: Range<UInt64>
        let bytes: [UInt8]
    }

    /// Bytes kept, at most. A direct read takes 1 MiB, a program's start some megabytes.
    static let limit = 16 << 20

    /// The oldest first.
    private var pieces: [Piece] = []
    private(set) var count = 0

    var isEmpty: Bool { pieces.isEmpty }

    /// Keeps `bytes` of `object`, which begin at `offset`; the oldest make room.
    mutating func keep(_ bytes: UnsafeRawBufferPointer, of object: UInt32, at offset: UInt64) {
        let range = offset..<offset + UInt64(bytes.count)
        drop { $0.object == object && $0.range == range }
        pieces.append(Piece(object: object, range: range, bytes: Array(bytes)))
        count += bytes.count
        while count > Self.limit, pieces.count > 1 { count -= pieces.removeFirst().bytes.count }
    }

    /// The piece of `object` is stored by now.
    mutating func forget(_ range: Range<UInt64>, of object: UInt32) { drop { $0.object == object && $0.range == range } }

    /// True if one piece has all of `range`.
    func has(_ range: Range<UInt64>, of object: UInt32) -> Bool { piece(range, object) != nil }

    /// Copies `range` if one piece has all of it.
    func copy(_ range: Range<UInt64>, of object: UInt32, into buffer: UnsafeMutableRawBufferPointer) -> Bool {
        guard let piece = piece(range, object) else { return false }
        let start = Int(range.lowerBound - piece.range.lowerBound)
        piece.bytes.withUnsafeBytes { buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[start..<start + range.count])) }
        return true
    }

    private func piece(_ range: Range<UInt64>, _ object: UInt32) -> Piece? {
        pieces.last { $0.object == object && $0.range.lowerBound <= range.lowerBound && range.upperBound <= $0.range.upperBound }
    }

    private mutating func drop(where isMeant: (Piece) -> Bool) {
        pieces.removeAll { piece in
            guard isMeant(piece) else { return false }
            count -= piece.bytes.count
            return true
        }
    }
}
