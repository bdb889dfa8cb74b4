import LinuxSystem
import Testing

@testable import KeeperLink

@Suite final class SessionStateFileTests {
    let memory: OwnedDescriptor
    let file: SessionStateFile

    init() throws {
        memory = try SessionStateFile.create(name: "test")
        file = SessionStateFile(descriptor: memory.rawValue)
    }

    static func record(_ epoch: UInt64, _ text: String) -> SessionStateFile.Record {
        SessionStateFile.Record(writeEpoch: epoch, session: Array("session \(text)".utf8), configuration: Array("{\(text)}".utf8))
    }

    func bytes() throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: SessionStateFile.size)
        let descriptor = memory.rawValue
        try bytes.withUnsafeMutableBytes { _ = try SystemCalls.preadAll(descriptor, into: $0, at: 0) }
        return bytes
    }

    func restore(_ bytes: [UInt8]) throws { try bytes.withUnsafeBytes { try SystemCalls.pwriteAll(memory.rawValue, $0, at: 0) } }

    @Test func aNewFileHoldsNothing() throws { #expect(try file.read() == nil) }

    @Test func theLastWriteCounts() throws {
        for number in 1...5 {
            try file.write(Self.record(1, "\(number)"))
            #expect(try file.read() == Self.record(1, "\(number)"))
        }
    }

    @Test func aWriteCutAnywhereLeavesTheOldOrTheNew() throws {
        try file.write(Self.record(1, "old, and longer than the new one"))
        try file.write(Self.record(1, "middle"))
        let before = try bytes()
        try file.write(Self.record(2, "new"))
        let after = try bytes()
        let changed = before.indices.filter { before[$0] != after[$0] }
        let first = try #require(changed.first), last = try #require(changed.last)
        for cut in first...last + 1 {
            try restore(Array(after[..<cut]) + Array(before[cut...]))
            let read = try file.read()
            #expect(read == Self.record(1, "middle") || (cut > last && read == Self.record(2, "new")))
            // And the other way round: a later page reached the file first.
            try restore(Array(before[..<cut]) + Array(after[cut...]))
            let other = try file.read()
            #expect(other == Self.record(1, "middle") || (cut <= first && other == Self.record(2, "new")))
        }
    }

    @Test func aChangedByteOfTheNewestSlotFallsBackToTheOther() throws {
        try file.write(Self.record(1, "first"))
        try file.write(Self.record(1, "second"))
        let good = try bytes()
        // Sequence 2 lies in slot 0.
        let used = 64 + Self.record(1, "second").session.count + Self.record(1, "second").configuration.count
        for index in 0..<used {
            var bad = good
            bad[index] ^= 0x40
            try restore(bad)
            #expect(try file.read() == Self.record(1, "first"), "byte \(index)")
        }
    }

    @Test func twoBadSlotsAreDamage() throws {
        try file.write(Self.record(1, "only"))
        var bad = try bytes()
        bad[SessionStateFile.slotSize + 70] ^= 1
        try restore(bad)
        #expect(throws: SessionStateError.damaged) { try file.read() }
        // A daemon can start again from there.
        try file.write(Self.record(2, "again"))
        #expect(try file.read() == Self.record(2, "again"))
    }

    @Test func anOlderDaemonMayNotWriteAnyMore() throws {
        try file.write(Self.record(3, "successor"))
        #expect(throws: SessionStateError.superseded(byEpoch: 3)) { try file.write(Self.record(2, "late")) }
        #expect(try file.read() == Self.record(3, "successor"))
    }

    @Test func theCapacityHoldsAndOnePastDoesNot() throws {
        let full = SessionStateFile.Record(
            writeEpoch: 1, session: Array(repeating: 1, count: 1000), configuration: Array(repeating: 2, count: SessionStateFile.capacity - 1000))
        try file.write(full)
        try file.write(full)
        #expect(try file.read() == full)
        var more = full
        more.configuration.append(2)
        #expect(throws: SessionStateError.tooLarge(bytes: SessionStateFile.capacity + 1, limit: SessionStateFile.capacity)) { try file.write(more) }
    }

    @Test func aForeignSizeIsDamage() throws {
        try SystemCalls.truncate(memory.rawValue, to: 100)
        #expect(throws: SessionStateError.damaged) { try file.read() }
    }
}
