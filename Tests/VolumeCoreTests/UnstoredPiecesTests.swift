import Testing

@testable import VolumeCore

/// What a full store could not take, in memory.
@Suite struct UnstoredPiecesTests {
    /// A piece of bytes that all are `value`.
    static func keep(_ pieces: inout UnstoredPieces, _ value: UInt8, count: Int, of object: UInt32, at offset: UInt64) {
        [UInt8](repeating: value, count: count).withUnsafeBytes { pieces.keep($0, of: object, at: offset) }
    }

    static func copy(_ pieces: UnstoredPieces, _ range: Range<UInt64>, of object: UInt32) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0xff, count: range.count)
        return bytes.withUnsafeMutableBytes { pieces.copy(range, of: object, into: $0) } ? bytes : nil
    }

    @Test func whatIsKeptIsFoundWholeAndNothingElse() {
        var pieces = UnstoredPieces()
        #expect(pieces.isEmpty && pieces.count == 0)
        Self.keep(&pieces, 1, count: 8192, of: 3, at: 4096)
        #expect(!pieces.isEmpty && pieces.count == 8192)
        #expect(Self.copy(pieces, 4096..<12288, of: 3) == [UInt8](repeating: 1, count: 8192))
        #expect(Self.copy(pieces, 8192..<8193, of: 3) == [1])
        // Not half of it, not of another object, not beside it.
        for (range, object) in [(0..<4097, 3), (12287..<12289, 3), (4096..<8192, 2), (0..<1, 3)] as [(Range<UInt64>, UInt32)] {
            #expect(!pieces.has(range, of: object) && Self.copy(pieces, range, of: object) == nil)
        }
    }

    @Test func theSamePieceIsKeptOnceAndTheNewerCounts() {
        var pieces = UnstoredPieces()
        Self.keep(&pieces, 1, count: 4096, of: 3, at: 0)
        Self.keep(&pieces, 2, count: 4096, of: 3, at: 0)
        #expect(pieces.count == 4096 && Self.copy(pieces, 0..<1, of: 3) == [2])
        Self.keep(&pieces, 9, count: 8192, of: 3, at: 0)
        #expect(pieces.count == 12288 && Self.copy(pieces, 0..<8192, of: 3)?.last == 9)
        // What was stored is forgotten, of this object alone.
        Self.keep(&pieces, 5, count: 4096, of: 4, at: 0)
        pieces.forget(0..<8192, of: 3)
        #expect(pieces.count == 8192 && Self.copy(pieces, 0..<1, of: 3) == [2] && Self.copy(pieces, 0..<1, of: 4) == [5])
        pieces.forget(0..<4096, of: 3)
        pieces.forget(0..<4096, of: 4)
        #expect(pieces.isEmpty && pieces.count == 0)
    }

    @Test func theOldestMakeRoom() {
        var pieces = UnstoredPieces()
        let size = 1 << 20
        for i in 0..<20 { Self.keep(&pieces, UInt8(i), count: size, of: 0, at: UInt64(i * size)) }
        #expect(pieces.count == UnstoredPieces.limit)
        for i in 0..<20 { #expect(pieces.has(UInt64(i * size)..<UInt64((i + 1) * size), of: 0) == (i >= 4), "\(i)") }
        // One that is larger than all that is kept is kept alone: somebody waits for it.
        Self.keep(&pieces, 77, count: UnstoredPieces.limit + 4096, of: 1, at: 0)
        #expect(pieces.count == UnstoredPieces.limit + 4096 && Self.copy(pieces, 0..<1, of: 1) == [77] && !pieces.has(UInt64(19 * size)..<UInt64(20 * size), of: 0))
        Self.keep(&pieces, 78, count: 4096, of: 2, at: 0)
        #expect(pieces.count == 4096 && pieces.has(0..<4096, of: 2))
    }

    @Test func theFloorIsATwentiethAndAtMostTenGibibytes() {
        let gib: UInt64 = 1 << 30
        #expect(PackageVolume.freeSpaceFloor(ofTotal: 0) == 0)
        #expect(PackageVolume.freeSpaceFloor(ofTotal: 100 * gib) == 5 * gib)
        #expect(PackageVolume.freeSpaceFloor(ofTotal: 200 * gib) == 10 * gib)
        #expect(PackageVolume.freeSpaceFloor(ofTotal: 200 * gib - 20) == 10 * gib - 1)
        #expect(PackageVolume.freeSpaceFloor(ofTotal: 201 * gib) == 10 * gib)
        #expect(PackageVolume.freeSpaceFloor(ofTotal: .max) == 10 * gib)
    }

    @Test func aProcessLeavesOneFailureAndTheNewestStay() {
        var reads = FailedReads()
        func failed(_ number: UInt64, _ process: Int32) -> VolumeFailedRead {
            VolumeFailedRead(number: number, path: [], block: number, error: .ioError, cause: "c", processes: [process, 7])
        }
        for number in 1...10 { reads.add(failed(UInt64(number), 100)) }
        #expect(reads.recent.map(\.number) == [10])
        for number in 11...60 { reads.add(failed(UInt64(number), Int32(number))) }
        #expect(reads.recent.map(\.number) == Array(UInt64(61 - FailedReads.limit)...60))
    }
}
