import CLinux
import Glibc
import Integrity
import LinuxSystem
import Synchronization
import Testing
@testable import BlockStore

@Suite struct ConcurrencyTests {
    let scratch = Scratch(onDisk: true)

    @Test func fillersAndReadersOfOneObject() throws {
        let sample = Sample(count: 500 * 4096 + 77, seed: 1)
        let store = try scratch.open { $0.maxOpenFiles = 16 }
        let object = try store.object(sample.id, size: sample.size)
        let filled = Atomic<Int>(0)
        let wrong = Atomic<Int>(0)
        let running = Atomic<Int>(4)
        var threads: [Thread] = []
        for number in 0..<4 {
            threads.append(Thread(name: "filler") {
                var random = Generator(seed: 50 + UInt64(number))
                while let missing = object.firstMissing(in: 0..<501) {
                    let start = Bool.random(using: &random) ? missing : Int.random(in: 0..<501, using: &random)
                    let end = min(501, start + Int.random(in: 1...40, using: &random))
                    do { filled.wrappingAdd(try sample.fill(object, start..<end), ordering: .relaxed) } catch { Issue.record(error) }
                }
                running.wrappingSubtract(1, ordering: .releasing)
            })
        }
        for number in 0..<3 {
            threads.append(Thread(name: "reader") {
                var random = Generator(seed: 90 + UInt64(number))
                while running.load(ordering: .acquiring) > 0 {
                    let start = Int.random(in: 0..<sample.bytes.count, using: &random)
                    let range = start..<(start + Int.random(in: 1...60_000, using: &random))
                    let (result, bytes) = object.read(range)
                    switch result {
                    case .bytes: if bytes != Array(sample.bytes[range.clamped(to: 0..<sample.bytes.count)]) { wrong.wrappingAdd(1, ordering: .relaxed) }
                    case .missing: break
                    case .corrupt, .failed: wrong.wrappingAdd(1, ordering: .relaxed)
                    }
                    if number == 0 { object.releaseResources() }
                }
            })
        }
        threads.append(Thread(name: "commit") {
            while running.load(ordering: .acquiring) > 0 { do { try store.commit() } catch { Issue.record(error) } }
        })
        for thread in threads { thread.join() }
        #expect(filled.load(ordering: .relaxed) == 501)
        #expect(wrong.load(ordering: .relaxed) == 0)
        #expect(object.presentBlocks == 501 && store.events.corruptBlocks.value == 0)
        #expect(try object.completeIfFull() == .complete)
    }

    @Test func rotUnderReadersWhileBlocksAreFilledAgain() throws {
        let sample = Sample(count: 100 * 4096, seed: 2)
        let store = try scratch.open()
        let object = try store.object(sample.id, size: sample.size)
        let wrong = Atomic<Int>(0)
        let done = Atomic<Bool>(false)
        let readers = (0..<2).map { number in
            Thread(name: "reader") {
                var random = Generator(seed: UInt64(number))
                while !done.load(ordering: .acquiring) {
                    let block = Int.random(in: 0..<100, using: &random)
                    let range = (block * 4096)..<min(sample.bytes.count, (block + Int.random(in: 1...8, using: &random)) * 4096)
                    let (result, bytes) = object.read(range)
                    if case .bytes = result, bytes != Array(sample.bytes[range]) { wrong.wrappingAdd(1, ordering: .relaxed) }
                    if case .failed = result { wrong.wrappingAdd(1, ordering: .relaxed) }
                }
            }
        }
        var rotten = 0
        for round in 0..<40 {
            try sample.fillAll(object)
            while true {
                let completion = try object.completeIfFull()
                if completion == .complete { break }
                #expect(completion != .wrongContent)
                try sample.fillAll(object)
            }
            if round % 3 == 2 { object.releaseResources() }
            // Rot comes from below the page cache: a direct write drops the page and changes the disk.
            let block = (round * 37) % 100
            let page = AlignedBuffer(count: 4096)
            page.bytes.copyBytes(from: sample.slice(block..<(block + 1)))
            page.bytes[round] ^= 1
            let file = try SystemCalls.open(scratch.complete(sample.id), flags: O_RDWR | CInt(INCFS_O_DIRECT))
            try SystemCalls.pwriteAll(file.rawValue, UnsafeRawBufferPointer(page.bytes), at: UInt64(block) * 4096)
            withExtendedLifetime(page) {}
            rotten += 1
            while object.isPresent(block: block) {
                _ = object.read((block * 4096)..<(block * 4096 + 4096))
            }
        }
        #expect(store.events.corruptBlocks.value == UInt64(rotten))
        done.store(true, ordering: .releasing)
        for reader in readers { reader.join() }
        #expect(wrong.load(ordering: .relaxed) == 0)
    }

    @Test func oneInstanceForThreadsThatAskTogether() throws {
        let samples = (0..<40).map { Sample(count: 20_000, seed: 300 + UInt64($0)) }
        do {
            let store = try scratch.open()
            for sample in samples { try sample.fill(store.object(sample.id, size: sample.size), 1..<4) }
        }
        let store = try scratch.open()
        let failures = Atomic<Int>(0)
        let threads = (0..<4).map { number in
            Thread(name: "opener") {
                for round in 0..<200 {
                    let sample = samples[(round * 7 + number) % 40]
                    guard let object = try? store.object(sample.id, size: sample.size), object.presentBlocks == 3,
                          object.read(4096..<16384).1.elementsEqual(sample.slice(1..<4)) else {
                        failures.wrappingAdd(1, ordering: .relaxed)
                        continue
                    }
                }
            }
        }
        for thread in threads { thread.join() }
        #expect(failures.load(ordering: .relaxed) == 0)
    }
}
