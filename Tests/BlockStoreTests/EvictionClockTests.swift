import Glibc
import LinuxSystem
import Testing
@testable import BlockStore

@Suite struct EvictionClockTests {
    private func open() throws -> OwnedDescriptor { try SystemCalls.open("/dev/null", flags: O_RDONLY) }

    @Test func unusedSlotsGoFirstAndBorrowedOnesStay() throws {
        let clock = EvictionClock<FileSlot>(capacity: 3)
        let slots = (0..<6).map { _ in FileSlot() }
        let borrowed = FileLease(opened: try open(), into: slots[0])
        clock.admit(slots[0], cost: 1)
        for slot in slots[1...] {
            do { _ = FileLease(opened: try open(), into: slot) }
            clock.admit(slot, cost: 1)
        }
        #expect(slots.filter(\.isOpen).count == 3)
        #expect(slots[0].isOpen && slots[5].isOpen)
        #expect(fcntl(borrowed.descriptor, F_GETFD) >= 0)
        #expect(clock.total == 3)
    }

    @Test func aRetiredSlotClosesWithItsLastBorrower() throws {
        let slot = FileSlot()
        let number: CInt
        do {
            let lease = FileLease(opened: try open(), into: slot)
            number = lease.descriptor
            slot.retire()
            #expect(slot.borrow() == -1)
            #expect(!slot.evict())
            #expect(fcntl(number, F_GETFD) >= 0)
            let other = FileLease(opened: try open(), into: slot)
            #expect(other.descriptor != number)
        }
        #expect(!slot.isOpen)
        let again = FileLease(opened: try open(), into: slot)
        #expect(slot.isOpen)
        _ = again.descriptor
    }

    @Test func costsAreCorrectedWhenASlotComesBack() {
        let clock = EvictionClock<LeafSlot>(capacity: 100)
        let slot = LeafSlot()
        slot.install(CertifiedLeaves(whole: LeafTable(blockCount: 1)))
        clock.admit(slot, cost: 40)
        clock.admit(slot, cost: 60)
        #expect(clock.total == 60)
        let other = LeafSlot()
        other.install(CertifiedLeaves(whole: LeafTable(blockCount: 1)))
        clock.admit(other, cost: 60)
        #expect(clock.total == 60)
    }
}
