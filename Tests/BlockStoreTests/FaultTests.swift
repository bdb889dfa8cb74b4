import Glibc
import Integrity
import LinuxSystem
import Testing
@testable import BlockStore

/// Disks that are full or broken, played by device files in place of the store's own descriptors.
@Suite struct FaultTests {
    let scratch = Scratch()
    let sample = Sample(count: 20 * 4096, seed: 1)

    private func replace(_ slot: FileSlot, with device: FilePath, flags: CInt = O_RDWR) throws {
        slot.retire()
        _ = FileLease(opened: try SystemCalls.open(device, flags: flags), into: slot)
        #expect(slot.isOpen)
    }

    @Test(arguments: [false, true]) func aFullDiskPublishesNothing(sidecar: Bool) throws {
        let store = try scratch.open()
        let object = try store.object(sample.id, size: sample.size)
        try sample.fill(object, 0..<5)
        try replace(sidecar ? object.side : object.data, with: "/dev/full")
        let error = #expect(throws: StoreError.self) { try sample.fill(object, 3..<12) }
        #expect(error?.cause == .system && error?.errno == .noSpace)
        #expect(object.presentBlocks == 5 && object.firstMissing(in: 0..<20) == 5)
        object.releaseResources()
        #expect(object.read(0..<20_480).1 == Array(sample.bytes[..<20_480]))
        #expect(try sample.fillAll(object) == 15)
        #expect(try scratch.open().object(sample.id, size: sample.size).presentBlocks == 20)
        #expect(try object.completeIfFull() == .complete)
    }

    /// A damaged block, and no descriptor left for the digests that would tell which one: the read fails, and nothing is thrown away.
    @Test func aProcessWithoutDescriptorsLosesNothing() throws {
        do {
            let object = try scratch.open().object(sample.id, size: sample.size)
            try sample.fillAll(object)
            #expect(try object.completeIfFull() == .complete)
        }
        try Scratch.flip(scratch.complete(sample.id), at: 7 * 4096 + 9)
        let object = try scratch.open().object(sample.id, size: sample.size)
        let bytes = sample.bytes
        // Other tests go on: on a thread with descriptors of its own. A limit of a thousand million would take a while.
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(UInt32(RLIMIT_NOFILE.rawValue)), &limit)
        let before = limit
        limit.rlim_cur = min(limit.rlim_cur, 16384)
        setrlimit(__rlimit_resource_t(UInt32(RLIMIT_NOFILE.rawValue)), &limit)
        defer { var before = before; setrlimit(__rlimit_resource_t(UInt32(RLIMIT_NOFILE.rawValue)), &before) }
        let thread = Thread(name: "no-descriptors") {
            do throws(Errno) { try SystemCalls.leaveDescriptors() } catch { Issue.record("no table of its own: \(error)"); return }
            var last: CInt = -1
            while true {
                let next = dup(0)
                if next < 0 { break }
                last = next
            }
            #expect(errno == EMFILE && last > 100)
            #expect(object.read(0..<4096).0 == .failed(.tooManyOpenFiles))
            // One for the data.
            SystemCalls.close(last)
            #expect(object.read(0..<4096).0 == .failed(.tooManyOpenFiles))
            #expect(object.presentBlocks == 20)
            object.releaseResources()
            SystemCalls.closeAll(from: 3)
            #expect(object.read(0..<4096).1 == Array(bytes[..<4096]))
            #expect(object.read(7 * 4096..<8 * 4096).0 == .corrupt(blocks: 7..<8))
            #expect(object.presentBlocks == 19)
            object.releaseResources()
        }
        thread.join()
        #expect(try scratch.open().object(sample.id, size: sample.size).presentBlocks == 19)
    }

    @Test func aBlockThatTheDiskWillNotGiveIsMissing() throws {
        let store = try scratch.open()
        let object = try store.object(sample.id, size: sample.size)
        try sample.fill(object, 0..<5)
        // Nothing is mapped at the beginning of an address space: EIO.
        try replace(object.data, with: "/proc/self/mem", flags: O_RDONLY)
        #expect(object.read(4096..<12288).0 == .corrupt(blocks: 1..<3))
        #expect(store.events.readErrors.value == 1 && store.events.corruptBlocks.value == 2)
        object.releaseResources()
        #expect(object.read(0..<4096).1 == Array(sample.bytes[..<4096]))
        #expect(object.read(4096..<8192).0 == .missing(block: 1))
        #expect(try scratch.open().object(sample.id, size: sample.size).presentBlocks == 3)
        #expect(try sample.fillAll(object) == 17)
        #expect(store.events.refetchedBlocks.value == 2)
    }

    @Test func dataThatCannotBeSyncedIsMissing() throws {
        let store = try scratch.open()
        let object = try store.object(sample.id, size: sample.size)
        try sample.fill(object, 0..<5)
        try store.commit()
        try sample.fill(object, 8..<12)
        try replace(object.data, with: "/dev/full")
        #expect(throws: StoreError.self) { try store.commit() }
        #expect(object.presentBlocks == 5 && store.events.failedCommits.value == 1)
        object.releaseResources()
        try store.commit()
        #expect(try sample.fill(object, 8..<12) == 4)
        try store.commit()
        let again = try scratch.open(boot: Scratch.bootB)
        #expect(try again.object(sample.id, size: sample.size).presentBlocks == 9)
        #expect(again.events.recoveredBlocks.value == 0)
    }

    @Test func aStateThatCannotBeWrittenIsTriedAgain() throws {
        let store = try scratch.open()
        let object = try store.object(sample.id, size: sample.size)
        try sample.fill(object, 0..<5)
        try replace(object.side, with: "/dev/full")
        #expect(throws: StoreError.self) { try store.commit() }
        #expect(object.presentBlocks == 5)
        object.releaseResources()
        try store.commit()
        let again = try scratch.open(boot: Scratch.bootB)
        #expect(try again.object(sample.id, size: sample.size).presentBlocks == 5)
        #expect(again.events.recoveredBlocks.value == 0)
    }

    @Test func errorsSpeak() throws {
        let store = try scratch.open()
        let object = try store.object(sample.id, size: sample.size)
        try sample.fill(object, 0..<1)
        try replace(object.data, with: "/dev/full")
        let error = #expect(throws: StoreError.self) { try sample.fillAll(object) }
        #expect(error?.description == "cannot store \(19 * 4096) bytes of an object: \(scratch.data(sample.id)): No space left on device")
    }
}
