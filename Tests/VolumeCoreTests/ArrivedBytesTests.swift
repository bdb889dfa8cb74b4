import AllocationTesting
import Glibc
import LinuxSystem
import Testing
@testable import VolumeCore

/// What has just arrived, in memory.
@Suite struct ArrivedBytesTests {
    static let chunk = 128 * 1024
    let arrived = ArrivedBytes(chunkSize: chunk)

    /// A chunk of object 1 whose blocks are numbered from `first`, as bytes.
    @discardableResult
    func arrive(chunk number: Int, of object: UInt32 = 1, bytes: Int = chunk, at now: UInt64 = 0) -> Bool {
        guard let room = arrived.claim() else { return false }
        for i in 0..<bytes { room.bytes[i] = Self.byte(number * Self.chunk + i) }
        let start = UInt64(number * Self.chunk)
        arrived.add(object, start..<start + UInt64(bytes), at: 0, to: room)
        arrived.publish(room, now: MonotonicTime(nanoseconds: now))
        return true
    }

    static func byte(_ position: Int) -> UInt8 { UInt8(truncatingIfNeeded: position / 4096 &* 7 &+ position) }

    func take(_ range: Range<UInt64>, of object: UInt32 = 1, sourceLocation: SourceLocation = #_sourceLocation) -> Int {
        var buffer = [UInt8](repeating: 0, count: range.count)
        let count = buffer.withUnsafeMutableBytes { arrived.take(range, of: object, into: $0) }
        let right = (0..<count).allSatisfy { buffer[$0] == Self.byte(Int(range.lowerBound) + $0) } && buffer[count...].allSatisfy { $0 == 0 }
        #expect(right, "wrong bytes of \(range)", sourceLocation: sourceLocation)
        return count
    }

    @Test func aBlockIsGivenOnce() {
        #expect(arrived.isEmpty && take(0..<4096) == 0)
        arrive(chunk: 0)
        #expect(!arrived.isEmpty)
        #expect(take(0..<4096, of: 2) == 0)
        #expect(take(4096..<8192) == 4096)
        #expect(take(4096..<8192) == 0)
        // As far as nobody has had it.
        #expect(take(0..<131_072) == 4096)
        #expect(take(8192..<131_072) == 131_072 - 8192)
        #expect(arrived.isEmpty)
    }

    @Test func aReadGoesOverSeveralChunksAndEndsAtTheFirstGap() {
        for chunk in [2, 0, 1, 4] { arrive(chunk: chunk) }
        #expect(take(4096..<5 * 131_072) == 3 * 131_072 - 4096)
        #expect(take(4 * 131_072..<4 * 131_072 + 10) == 10)
        // The block of which ten bytes were wanted has been given.
        #expect(take(4 * 131_072..<5 * 131_072) == 0)
        #expect(take(4 * 131_072 + 4096..<5 * 131_072) == 131_072 - 4096)
        // A read that begins inside a block is the store's.
        arrive(chunk: 0)
        #expect(take(1..<8192) == 0)
    }

    @Test func theEndOfAFileIsNoWholeBlock() {
        arrive(chunk: 0, bytes: 20_001)
        #expect(take(16_384..<20_001) == 3617)
        #expect(take(0..<16_384) == 16_384)
        #expect(arrived.isEmpty)
    }

    @Test func severalFilesShareAChunk() {
        let room = arrived.claim()!
        for i in 0..<Self.chunk { room.bytes[i] = Self.byte(i) }
        // Starts inside a block of the chunk, but at a block of its file.
        arrived.add(7, 0..<20_000, at: 100, to: room)
        arrived.add(8, 4096..<4096 + 65_536, at: 32_768, to: room)
        // Too short to be worth it.
        arrived.add(9, 0..<UInt64(ArrivedBytes.shortestPiece - 1), at: 100_000, to: room)
        arrived.publish(room, now: .now)
        var buffer = [UInt8](repeating: 0, count: 65_536)
        #expect(buffer.withUnsafeMutableBytes { arrived.take(0..<16_000, of: 9, into: $0) } == 0)
        #expect(buffer.withUnsafeMutableBytes { arrived.take(0..<20_000, of: 7, into: $0) } == 20_000)
        #expect((0..<20_000).allSatisfy { buffer[$0] == Self.byte(100 + $0) })
        #expect(buffer.withUnsafeMutableBytes { arrived.take(4096..<69_632, of: 8, into: $0) } == 65_536)
        #expect((0..<65_536).allSatisfy { buffer[$0] == Self.byte(32_768 + $0) })
        #expect(arrived.isEmpty)
    }

    /// Nothing in the format keeps files from sharing the same bytes of a chunk.
    @Test func filesThatOverlapInTheirChunkAreKeptAsFarAsThereIsRoom() {
        let room = arrived.claim()!
        for i in 0..<Self.chunk { room.bytes[i] = Self.byte(i) }
        for object in 0..<UInt32(Self.chunk / ArrivedBytes.shortestPiece) { arrived.add(object, 0..<UInt64(Self.chunk), at: 0, to: room) }
        arrived.publish(room, now: .now)
        #expect(take(0..<UInt64(Self.chunk), of: 0) == Self.chunk)
        #expect(take(0..<UInt64(Self.chunk), of: 7) == 0)
    }

    @Test func chunksWithoutAPieceThatIsWorthItGetNoRoom() {
        #expect(ArrivedBytes(chunkSize: ArrivedBytes.shortestPiece / 2).claim() == nil)
        #expect(ArrivedBytes(chunkSize: ArrivedBytes.shortestPiece).claim() != nil)
    }

    @Test func memoryIsBoundedAndTheOldestGivesWay() {
        let slots = ArrivedBytes.limit / Self.chunk
        for chunk in 0..<slots + 3 { #expect(arrive(chunk: chunk)) }
        #expect(arrived.memory == ArrivedBytes.limit)
        #expect(take(0..<4096) == 0 && take(UInt64(2 * Self.chunk)..<UInt64(3 * Self.chunk)) == 0)
        #expect(take(UInt64(3 * Self.chunk)..<UInt64(4 * Self.chunk)) == Self.chunk)
        // Even of the largest chunks there are two.
        let large = ArrivedBytes(chunkSize: 4 << 20)
        #expect(large.claim() != nil && large.claim() != nil && large.claim() == nil)
    }

    @Test func roomThatIsBeingFilledIsNobodysElse() {
        let slots = ArrivedBytes.limit / Self.chunk
        let rooms = (0..<slots).compactMap { _ in arrived.claim() }
        #expect(rooms.count == slots && rooms.allSatisfy(\.isNew) && Set(rooms.map { $0.bytes.baseAddress! }).count == slots)
        #expect(arrived.claim() == nil)
        arrived.sweep(now: .now)
        #expect(arrived.memory == ArrivedBytes.limit)
        // Nothing of it was stored: it is free again.
        arrived.publish(rooms[5], now: .now)
        #expect(arrived.isEmpty)
        #expect(arrived.claim()?.bytes.baseAddress == rooms[5].bytes.baseAddress)
    }

    @Test func whatNobodyReadsIsLetGo() {
        let second: UInt64 = 1_000_000_000
        arrive(chunk: 0, at: second)
        arrive(chunk: 1, at: second + second / 2)
        arrived.sweep(now: MonotonicTime(nanoseconds: 2 * second - 1))
        #expect(arrived.memory == 2 * Self.chunk)
        arrived.sweep(now: MonotonicTime(nanoseconds: 2 * second))
        #expect(arrived.memory == Self.chunk && take(0..<4096) == 0 && take(131_072..<262_144) == Self.chunk)
        // All read: the memory waits for the next chunk until it is swept.
        #expect(arrived.isEmpty && arrived.memory == Self.chunk)
        arrived.sweep(now: MonotonicTime(nanoseconds: 2 * second))
        #expect(arrived.memory == 0)
    }

    @Test func takingAllocatesNothing() {
        for chunk in 0..<32 { arrive(chunk: chunk) }
        let memory = AlignedBuffer(count: 4096)
        defer { withExtendedLifetime(memory) {} }
        var position: UInt64 = 0
        let count = allocations {
            if arrived.take(position..<position + 4096, of: 1, into: memory.bytes) != 4096 { fatalError() }
            position += 4096
        }
        #expect(count == 0)
    }

    /// Chunks arrive on two threads while two others read what came last: every byte that is given is that of its place. Of the largest chunks
    /// there is room for two, so that who comes next wants the room that is being read.
    @Test(arguments: [(128 * 1024, 2000), (4 << 20, 150)]) func arrivingAndReadingAtOnce(chunk: Int, rounds: Int) {
        let arrived = ArrivedBytes(chunkSize: chunk)
        let last = Condition<UInt64>(0), working = Condition(2), wrong = Condition(0), given = Condition(0)
        let writers = (0..<2).map { writer in
            Thread(name: "arrives-\(writer)") {
                for round in 0..<rounds {
                    guard let room = arrived.claim() else { continue }
                    let number = UInt64(round * 2 + writer)
                    room.bytes.initializeMemory(as: UInt8.self, repeating: UInt8(truncatingIfNeeded: number % 251))
                    arrived.add(1, number * UInt64(chunk)..<(number + 1) * UInt64(chunk), at: 0, to: room)
                    arrived.publish(room, now: .now)
                    last.update { $0 = number }
                    if round % 64 == 0 { arrived.sweep(now: .now) }
                }
                working.update { $0 -= 1 }
            }
        }
        let readers = (0..<2).map { reader in
            Thread(name: "reads-\(reader)") {
                let memory = AlignedBuffer(count: chunk)
                while working.withLock({ $0 }) > 0 {
                    let number = last.withLock { $0 }, start = number * UInt64(chunk)
                    let count = arrived.take(start + UInt64(reader * chunk / 2)..<start + UInt64(chunk), of: 1, into: memory.bytes)
                    // All of them are the same: the first is right, and each is the one before it.
                    let isRight = count == 0 || memory.bytes[0] == UInt8(number % 251) && memcmp(memory.bytes.baseAddress!, memory.bytes.baseAddress! + 1, count - 1) == 0
                    if !isRight { wrong.update { $0 += 1 } }
                    if count > 0 { given.update { $0 += 1 } }
                }
            }
        }
        for thread in writers + readers { thread.join() }
        #expect(wrong.withLock { $0 } == 0 && given.withLock { $0 } > 0)
    }
}
