import BlockStore
import Glibc
import LinuxSystem
import Synchronization
import Testing
import VolumeTesting
@testable import VolumeCore

/// Generated operations on a real volume over a real store, compared with the model after each: bytes are exact or missing,
/// never wrong; who waits is answered when, and only when, his bytes are there.
@Suite struct VolumeModelTests {
    /// Seeds that once found something.
    static let regressions: [UInt64] = [10, 12, 14]
    /// Some fixed ones and a fresh one; `INCFS_MODEL_SEEDS` more fresh ones on demand. A failure names its seed.
    static let seeds: [UInt64] = {
        let fresh = (getenv("INCFS_MODEL_SEEDS").flatMap { Int(String(cString: $0)) } ?? 0) + 1
        return regressions + (1...6) + (0..<fresh).map { _ in UInt64.random(in: 1000...UInt64.max) }
    }()

    @Test(arguments: seeds) func generated(seed: UInt64) throws {
        let run = try ModelRun(seed: seed)
        defer { run.close() }
        for step in 0..<280 {
            try run.step(step)
            if run.failed { return }
        }
        try run.finish()
    }
}

/// Takes the answers to parked reads, and reads for them at that moment as a front end does.
final class AnswerRecorder: VolumeDelegate {
    enum Answer: Sendable { case bytes([UInt8]), missing, failed(Errno) }
    let answers = Mutex<[(unique: UInt64, answer: Answer)]>([])
    private let volume: PackageVolume

    init(_ volume: PackageVolume) { self.volume = volume }

    func answer(_ reads: [PendingRead]) {
        for read in reads {
            var bytes = [UInt8](repeating: 0xEE, count: Int(read.size))
            let outcome = bytes.withUnsafeMutableBytes { volume.read(node: volume.tree.node(Int(read.node)), at: read.offset, into: $0) }
            switch outcome {
            case .bytes(let count): answers.withLock { $0.append((read.unique, .bytes(Array(bytes[..<count])))) }
            case .missing: volume.park(read)
            case .failed(let error): answers.withLock { $0.append((read.unique, .failed(error))) }
            }
        }
    }
    func fail(_ read: PendingRead, errno: Errno) { answers.withLock { $0.append((read.unique, .failed(errno))) } }
    func take() -> [(unique: UInt64, answer: Answer)] { answers.withLock { answers in defer { answers = [] }; return answers } }
}

final class ModelRun {
    struct Parked { var file: VolumeModel.File; var offset: Int; var size: Int; var deadline: UInt64? }

    let seed: UInt64
    var random: Generator
    let package: PublishedPackage
    let limit: Int
    let boot: BootID
    var loader: HandLoader
    var recorder: AnswerRecorder
    var completion: LinuxSystem.Thread
    var model: VolumeModel
    var parked: [UInt64: Parked] = [:]
    var nextUnique: UInt64 = 2
    var now: UInt64 = 1000
    var step = 0
    var doing = ""
    var failed = false
    /// What was done to the store.
    var damages: [String] = []
    var everDamaged: Bool { !damages.isEmpty }

    init(seed: UInt64) throws {
        self.seed = seed
        random = Generator(seed: seed)
        package = try RandomPackage.make(&random)
        limit = [1, 2, 4, 256].randomElement(using: &random)!
        boot = BootID(high: seed, low: 1)
        (loader, recorder, completion) = try Self.open(package, limit, boot)
        loader.deliverIndex()
        model = try VolumeModel(package, loader.volume)
    }

    private static func open(_ package: PublishedPackage, _ limit: Int, _ boot: BootID) throws -> (HandLoader, AnswerRecorder, LinuxSystem.Thread) {
        var options = StoreOptions()
        options.boot = boot
        var configuration = VolumeConfiguration()
        configuration.resolvedObjectLimit = limit
        // The model asks again at once after a final answer.
        configuration.finalFailureLifetime = 0
        configuration.indexCache = package.directory.appending("index")
        let store = try PlainStore(directory: package.directory.appending("store"), options: options)
        let volume = PackageVolume(head: package.head, store: store, configuration: configuration)
        let recorder = AnswerRecorder(volume)
        volume.setDelegate(recorder)
        return (HandLoader(package, volume), recorder, LinuxSystem.Thread(name: "completion") { volume.runCompletion() })
    }

    func close() {
        loader.volume.stopCompletion()
        completion.join()
        loader.volume.setDelegate(nil)
    }

    var volume: PackageVolume { loader.volume }

    func check(_ right: Bool, _ what: @autoclosure () -> String) {
        if right { return }
        failed = true
        Issue.record("seed \(seed), step \(step) (\(doing)): \(what())\(damages.isEmpty ? "" : "; after " + damages.joined(separator: ", "))")
    }

    func step(_ number: Int) throws {
        step = number
        switch Int.random(in: 0..<100, using: &random) {
        case 0..<30: deliver(Int.random(in: 0..<Int(volume.chunkCount), using: &random))
        case 30..<36: deliverWrong()
        case 36..<66: read()
        case 66..<80: park()
        case 80..<84: interrupt()
        case 84..<87: expire()
        case 87..<90: fail()
        case 90..<93: try reopen(damaging: false)
        case 93..<95: try reopen(damaging: true)
        case 95..<97: try commit()
        case 97..<98: verify()
        default: ask()
        }
        settle()
    }

    // MARK: Operations

    func deliver(_ chunk: Int) {
        doing = "deliver \(chunk)"
        check(loader.deliver(LoadUnit(.chunk, UInt64(chunk))) == .stored, "not stored")
        model.deliver(chunk)
    }

    func deliverWrong() {
        let chunk = UInt64.random(in: 0..<volume.chunkCount, using: &random)
        doing = "deliver \(chunk) damaged"
        let kind = Int.random(in: 0..<3, using: &random)
        var local = random
        let outcome = loader.deliver(LoadUnit(.chunk, chunk)) { bytes in
            switch kind {
            case 0: bytes[Int.random(in: 0..<bytes.count, using: &local)] ^= 1 << UInt8.random(in: 0..<8, using: &local)
            case 1: bytes.removeLast()
            default: bytes.append(0)
            }
        }
        random = local
        check(outcome == .corrupt, "wrong bytes were taken: \(outcome)")
    }

    private func place(aligned: Bool) -> (VolumeModel.File, Int, Int) {
        let file = model.files.randomElement(using: &random)!
        var offset = Int.random(in: 0..<file.bytes.count + 5000, using: &random)
        var size = random.oneIn(2) ? Int.random(in: 1...9000, using: &random) : Int.random(in: 1...200_000, using: &random)
        if aligned || random.oneIn(2) { offset &= ~4095; size = max(4096, size & ~4095) }
        return (file, offset, size)
    }

    func read() {
        let (file, offset, size) = place(aligned: false)
        doing = "read \(file.path) \(offset) \(size)"
        read(file, offset, size)
    }

    func read(_ file: VolumeModel.File, _ offset: Int, _ size: Int) {
        var bytes = [UInt8](repeating: 0xEE, count: size)
        let state = model.state(file, offset, size)
        switch bytes.withUnsafeMutableBytes({ volume.read(node: volume.tree.node(file.node), at: UInt64(offset), into: $0) }) {
        case .bytes(let count):
            check(state != .missing, "bytes that were never delivered")
            compare(file, offset, size, Array(bytes[..<count]))
            for block in model.range(file, offset, size) { model.blocks[file.object][block] = .present }
        case .missing: check(state != .present, "missing although it was delivered")
        case .failed(let error): check(false, "\(error)")
        }
    }

    private func compare(_ file: VolumeModel.File, _ offset: Int, _ size: Int, _ bytes: [UInt8]) {
        let expected = file.bytes[min(offset, file.bytes.count)..<min(offset + size, file.bytes.count)]
        check(bytes.count == expected.count, "\(bytes.count) bytes instead of \(expected.count)")
        check(bytes.elementsEqual(expected), "wrong bytes")
    }

    func park() {
        let (file, offset, size) = place(aligned: true)
        if offset >= file.bytes.count { return }
        let unique = nextUnique
        nextUnique += 2
        doing = "park \(unique) \(file.path) \(offset) \(size)"
        let deadline = random.oneIn(3) ? now + UInt64.random(in: 1...100, using: &random) : nil
        parked[unique] = Parked(file: file, offset: offset, size: size, deadline: deadline)
        volume.park(
            PendingRead(
                unique: unique, descriptor: 1, processID: UInt32(unique), node: UInt32(file.node), object: UInt32(file.object), offset: UInt64(offset),
                size: UInt32(size), isDirect: true, since: .now, deadline: deadline.map { MonotonicTime(nanoseconds: $0) }))
        let missing = model.missingChunks(file, offset, size)
        let asked = Set(volume.requests.drain().filter { $0.priority == .demand && $0.unit.kind == .chunk }.map { Int($0.unit.index) })
        check(missing.isSubset(of: asked) || !asked.isEmpty && everDamaged, "waits for \(missing.sorted()) and asks for \(asked.sorted())")
    }

    func interrupt() {
        guard let unique = parked.keys.sorted().randomElement(using: &random) else { return }
        doing = "interrupt \(unique)"
        check(volume.processID(ofParked: unique) == UInt32(unique), "not in the table")
        check(volume.interrupt(unique: unique), "not found")
        expect(unique, .interrupted)
        check(!volume.interrupt(unique: unique), "found twice")
    }

    func expire() {
        now += 40
        doing = "expire at \(now)"
        let due = parked.filter { ($0.value.deadline ?? .max) <= now }.map(\.key)
        volume.expire(now: MonotonicTime(nanoseconds: now))
        var answers: [UInt64: AnswerRecorder.Answer] = [:]
        for (unique, answer) in recorder.take() { answers[unique] = answer }
        check(Set(answers.keys) == Set(due), "ended \(answers.keys.sorted()), due were \(due.sorted())")
        for unique in due {
            if case .failed(let error)? = answers[unique] { check(error.rawValue == ETIME, "\(error)") } else { check(false, "no error") }
            parked[unique] = nil
        }
    }

    func fail() {
        let chunk = Int.random(in: 0..<Int(volume.chunkCount), using: &random)
        doing = "fail \(chunk)"
        let waiting = parked.filter { model.missingChunks($0.value.file, $0.value.offset, $0.value.size).contains(chunk) }.map(\.key)
        volume.fail(LoadUnit(.chunk, UInt64(chunk)), errno: EIO, reason: "test")
        var ended: Set<UInt64> = []
        for (unique, answer) in recorder.take() {
            if case .failed(.ioError) = answer { ended.insert(unique) } else { check(false, "\(unique) was answered \(answer)") }
            parked[unique] = nil
        }
        // A reader may also wait for a block that was found damaged.
        check(everDamaged ? ended.isSuperset(of: waiting) : ended == Set(waiting), "ended \(ended.sorted()), waiting were \(waiting.sorted())")
    }

    func reopen(damaging: Bool) throws {
        doing = damaging ? "damage" : "reopen"
        volume.dropPending()
        parked = [:]
        close()
        if damaging {
            let files = try TemporaryDirectory.files(below: package.directory.appending("store"))
            guard let victim = files.randomElement(using: &random) else { return }
            let size = try SystemCalls.status(of: victim).size
            if size > 0 {
                let place = UInt64.random(in: 0..<size, using: &random)
                doing = "damage byte \(place) of \(victim.lastComponent!.string)"
                try TemporaryDirectory.flip(victim, at: place, mask: 1 << UInt8.random(in: 0..<8, using: &random))
                model.damage()
                damages.append("step \(step): \(doing)")
            }
        }
        (loader, recorder, completion) = try Self.open(package, limit, boot)
        let index = volume.index
        check((0..<index.pageCount).allSatisfy { index.isInstalled($0) }, "the index was not kept")
    }

    func commit() throws {
        doing = "commit"
        try volume.store.commit()
    }

    func verify() {
        doing = "verify"
        var last: UInt64 = 0
        let problems = volume.verify { done, total in
            check(total == volume.totalBlocks && done >= last && done < total, "\(done) of \(total) blocks")
            last = done
            return true
        }
        check(everDamaged || problems.isEmpty, "\(problems)")
    }

    /// What the fill is told, and what a person is.
    func ask() {
        doing = "ask"
        var cursor: UInt64 = 0
        var missing: Set<Int> = []
        while true {
            let units = volume.nextMissing(after: &cursor, limit: 3)
            if units.isEmpty { break }
            check(units.count <= 3, "more than asked for")
            for unit in units { missing.insert(Int(unit.index)) }
        }
        let expected = Set(0..<Int(volume.chunkCount)).subtracting(model.delivered)
        if !everDamaged { check(missing == expected, "missing \(missing.sorted()), expected \(expected.sorted())") }
        volume.takeStock()
        let status = volume.status()
        let present = model.blocks.joined().filter { $0 == .present }.count, doubtful = model.blocks.joined().filter { $0 == .doubtful }.count
        check(status.presentBlocks >= UInt64(present) - (everDamaged ? UInt64(present) : 0), "\(status.presentBlocks) blocks present, not \(present)")
        check(status.presentBlocks <= UInt64(present + doubtful), "\(status.presentBlocks) blocks present, at most \(present + doubtful)")
        check(status.waits.count == parked.count, "\(status.waits.count) wait, not \(parked.count)")
    }

    // MARK: Who waits

    private func expect(_ unique: UInt64, _ errno: Errno) {
        let answers = recorder.take()
        var right = false
        if answers.count == 1, answers[0].unique == unique, case .failed(let error) = answers[0].answer { right = error == errno }
        check(right, "\(answers.map(\.unique)) ended")
        parked[unique] = nil
    }

    /// Every reader whose bytes are there has them, and nobody else has anything.
    func settle() {
        for (unique, answer) in recorder.take() {
            guard let read = parked.removeValue(forKey: unique) else {
                check(false, "\(unique) was answered twice, or after its end")
                continue
            }
            switch answer {
            case .bytes(let bytes):
                check(model.state(read.file, read.offset, read.size) != .missing, "\(unique) was answered too early")
                compare(read.file, read.offset, read.size, bytes)
                for block in model.range(read.file, read.offset, read.size) { model.blocks[read.file.object][block] = .present }
            case .missing: break
            case .failed(let error): check(false, "\(unique) failed: \(error)")
            }
        }
        if everDamaged { return }
        for (unique, read) in parked where model.state(read.file, read.offset, read.size) == .present { check(false, "\(unique) still waits") }
    }

    /// What the background fill does: brings what the volume says is missing, and nothing else.
    func fill() {
        var cursor: UInt64 = 0
        while true {
            let units = volume.nextMissing(after: &cursor, limit: 4)
            if units.isEmpty { break }
            for unit in units {
                check(!volume.isPresent(unit), "\(unit) is not missing")
                deliver(Int(unit.index))
            }
        }
        for chunk in 0..<Int(volume.chunkCount) { model.deliver(chunk) }
    }

    /// The origin gives everything: all is there and right in the end, whatever happened before.
    func finish() throws {
        step = -1
        var missing = 0
        for round in 0..<5 {
            doing = "finish, round \(round)"
            fill()
            missing = 0
            for file in model.files {
                var bytes = [UInt8](repeating: 0xEE, count: file.bytes.count)
                switch bytes.withUnsafeMutableBytes({ volume.read(node: volume.tree.node(file.node), at: 0, into: $0) }) {
                case .bytes: compare(file, 0, file.bytes.count, bytes)
                case .missing: missing += 1
                case .failed(let error): check(false, "\(file.path): \(error)")
                }
            }
            if missing == 0 { break }
            check(everDamaged, "\(missing) files are missing after everything was delivered")
        }
        check(missing == 0, "\(missing) files are still missing")
        for file in model.files { for block in model.blocks[file.object].indices { model.blocks[file.object][block] = .present } }
        settle()
        check(parked.isEmpty, "\(parked.keys.sorted()) still wait")
        try volume.store.commit()
        try reopen(damaging: false)
        for file in model.files {
            doing = "read \(file.path) again"
            read(file, 0, file.bytes.count)
        }
    }
}
