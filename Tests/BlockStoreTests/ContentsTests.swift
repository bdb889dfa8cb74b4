import Integrity
import LinuxSystem
import Testing
@testable import BlockStore

/// What a store has, and what a removal leaves.
@Suite struct ContentsTests {
    let scratch = Scratch()
    let a = Sample(count: 20 * 4096 + 5, seed: 1), b = Sample(count: 30 * 4096, seed: 2), small = Sample(count: 5000, seed: 3)

    private func has(_ store: PlainStore, _ sample: Sample) throws -> StoredContent? { try store.contents()[sample.id] }

    @Test func aRemovalLeavesWhatIsNeededAndWhatIsOpen() throws {
        let store = try scratch.open()
        let open = try store.object(b.id, size: b.size)
        try b.fill(open, 0..<7)
        do {
            let object = try store.object(a.id, size: a.size)
            try a.fillAll(object)
            #expect(try object.completeIfFull() == .complete)
            try small.fillAll(try store.object(small.id, size: small.size))
        }
        try store.commit()
        #expect(try has(store, a)?.isComplete == true && has(store, b)?.isComplete == false && has(store, small)?.isComplete == true)
        #expect(try store.remove(allBut: [a.id, small.id]) == 0)
        #expect(open.read(0..<(7 * 4096)).1 == Array(b.bytes[..<(7 * 4096)]))
        #expect(try store.remove(allBut: [small.id]) >= a.size)
        #expect(try has(store, a) == nil && has(store, b) != nil && has(store, small) != nil)
    }

    /// Two packages describe one content; the one completes it, the other's unfinished file is of no use to anybody.
    @Test func anUnfinishedFileOfACompleteContentGoes() throws {
        let other = Digest(hex: String(repeating: "5a", count: 32))!
        do {
            let store = try scratch.open()
            try a.fill(try store.object(a.id, describedBy: other, size: a.size), 0..<9)
            try b.fill(try store.object(b.id, describedBy: other, size: b.size), 0..<9)
            try store.commit()
        }
        let store = try scratch.open()
        let object = try store.object(a.id, size: a.size)
        try a.fillAll(object)
        #expect(try object.completeIfFull() == .complete)
        let before = try scratch.files().count { $0.string.contains("/partial/") }
        // Somebody holds the content: nothing of it is touched.
        #expect(try store.remove(allBut: [a.id, b.id]) == 0)
        #expect(try scratch.files().count { $0.string.contains("/partial/") } == before && before == 4)
        withExtendedLifetime(object) {}
        let again = try scratch.open()
        #expect(try again.remove(allBut: [a.id, b.id]) >= 9 * 4096)
        let left = try scratch.files().filter { $0.string.contains("/partial/") }
        #expect(left.count == 2 && left.allSatisfy { $0.string.contains("\(b.id)") }, "\(left)")
        #expect(try again.object(a.id, size: a.size).read(0..<Int(a.size)).1 == a.bytes)
        #expect(try again.object(b.id, describedBy: other, size: b.size).presentBlocks == 9)
    }
}
