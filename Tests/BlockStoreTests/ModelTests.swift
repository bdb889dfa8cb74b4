import Integrity
import LinuxSystem
import Testing
@testable import BlockStore

/// Generated operations on a store and on a model of it, compared after every step.
@Suite struct ModelTests {
    struct Model {
        let sample: Sample
        var present: Set<Int> = []
        var durable: Set<Int> = []
        var complete = false
    }

    /// Seeds that once failed come first and stay.
    @Test(arguments: [14_692_976_371_819_475_335, 1, 2, 6] + [UInt64.random(in: 1000...UInt64.max)])
    func storeBehavesLikeItsModel(seed: UInt64) throws {
        print("model seed \(seed)")
        let scratch = Scratch()
        var random = Generator(seed: seed)
        var boot: UInt64 = 1
        var store = try scratch.open(boot: BootID(high: boot, low: 0)) { if seed % 2 == 1 { $0.maxWholeLeaves = 0 } }
        var models = [900, 16_384, 20_000, 70 * 4096, 140 * 4096 + 1].map { Model(sample: Sample(count: $0, seed: seed &+ UInt64($0))) }
        var objects = try models.map { try store.object($0.sample.id, size: $0.sample.size) }

        for step in 0..<300 {
            let i = Int.random(in: models.indices, using: &random)
            let sample = models[i].sample
            let start = Int.random(in: 0..<sample.blocks, using: &random)
            let run = start..<min(sample.blocks, start + Int.random(in: 1...30, using: &random))
            var what = ""
            switch Int.random(in: 0..<20, using: &random) {
            case 0..<8:
                what = "fill \(run) of \(i)"
                let wasAbsent = models[i].present.isEmpty && !Scratch.exists(scratch.data(sample.id)) && !Scratch.exists(scratch.complete(sample.id))
                #expect(try sample.fill(objects[i], run) == Set(run).subtracting(models[i].present).count)
                models[i].present.formUnion(run)
                if wasAbsent && run.count == sample.blocks && sample.size <= 16384 && !models[i].complete { models[i].complete = true }
            case 8..<13:
                let from = Int.random(in: 0..<sample.bytes.count, using: &random)
                let range = from..<(from + Int.random(in: 1...100_000, using: &random))
                what = "read \(range) of \(i)"
                let end = min(range.upperBound, sample.bytes.count)
                let (result, bytes) = objects[i].read(range)
                if let missing = ((from / 4096)..<((end + 4095) / 4096)).first(where: { !models[i].present.contains($0) }) {
                    #expect(result == .missing(block: missing))
                } else {
                    #expect(result == .bytes(end - from) && bytes == Array(sample.bytes[from..<end]))
                }
            case 13:
                what = "commit"
                try store.commit()
                for j in models.indices { models[j].durable = models[j].present }
            case 14:
                what = "complete \(i)"
                let full = models[i].present.count == sample.blocks
                #expect(try objects[i].completeIfFull() == (full ? .complete : .notYet))
                if full {
                    models[i].complete = true
                    models[i].durable = models[i].present
                }
            case 15:
                what = "kill"
                objects = []
                store = try scratch.open(boot: BootID(high: boot, low: 0)) { if seed % 2 == 1 { $0.maxWholeLeaves = 0 } }
                objects = try models.map { try store.object($0.sample.id, size: $0.sample.size) }
            case 16:
                what = "power cut"
                objects = []
                boot += 1
                // The disk lost the data of some blocks that no commit covers.
                for j in models.indices {
                    for block in models[j].present.subtracting(models[j].durable).sorted() where Bool.random(using: &random) {
                        let path = scratch.data(models[j].sample.id)
                        guard Scratch.exists(path) else { continue }
                        try Scratch.overwrite(path, [UInt8](repeating: 0, count: models[j].sample.slice(block..<(block + 1)).count), at: UInt64(block) * 4096)
                        models[j].present.remove(block)
                    }
                }
                store = try scratch.open(boot: BootID(high: boot, low: 0)) { if seed % 2 == 1 { $0.maxWholeLeaves = 0 } }
                objects = try models.map { try store.object($0.sample.id, size: $0.sample.size) }
            case 17:
                what = "forget and open \(i)"
                objects[i].releaseResources()
                objects[i] = try store.object(sample.id, size: sample.size)
            default:
                guard let block = models[i].present.sorted().randomElement(using: &random) else { continue }
                what = "rot in block \(block) of \(i)"
                let complete = scratch.complete(sample.id)
                let path = Scratch.exists(complete) ? complete : scratch.data(sample.id)
                guard Scratch.exists(path) else { continue }
                try Scratch.flip(path, at: UInt64(block) * 4096)
                #expect(try objects[i].verifyAll() == [block..<(block + 1)])
                models[i].present.remove(block)
                models[i].durable.remove(block)
                models[i].complete = false
            }
            for (model, object) in zip(models, objects) {
                let blocks = (0..<model.sample.blocks).filter { object.isPresent(block: $0) }
                #expect(Set(blocks) == model.present, "seed \(seed), step \(step): \(what)")
                #expect(object.presentBlocks == model.present.count)
                #expect(object.isComplete == (model.complete && model.present.count == model.sample.blocks), "seed \(seed), step \(step): \(what)")
            }
        }
    }
}
