import BlockStore
import Glibc
import LinuxSystem
import PackageFormat

/// What a volume tells about itself. Blocks are of 4 KiB and count the package's distinct content once, holes included.
public struct VolumeStatus: Sendable {
    public var presentBlocks: UInt64
    public var totalBlocks: UInt64
    public var objectCount: Int
    public var completeObjects: Int
    public var isComplete: Bool
    /// Compressed or raw bytes that came from the source and verified.
    public var deliveredBytes: UInt64
    public var parkedReads: UInt64
    public var refusedWindows: UInt64
    public var waitSeconds: Double
    public var failedReads: UInt64
    public var corruptDeliveries: UInt64
    public var corruptBlocks: UInt64
    public var touchedFiles: UInt64
    public var waits: [VolumeWait]
    public var waitReason: String?
    public var lastError: String?
    /// Of each process that a read has failed for lately the last one; the newest last.
    public var failed: [VolumeFailedRead]
}

/// A read that ended in an error: which, and why.
public struct VolumeFailedRead: Sendable {
    /// From 1, in the order of the failures.
    public var number: UInt64
    public var path: [UInt8]
    /// The first block that it asked for.
    public var block: UInt64
    /// What the program saw.
    public var error: Errno
    /// A sentence, or a part of one.
    public var cause: String
    /// Who asked: the process, its parent, and so on; empty where that is not known.
    public var processes: [pid_t]
}

/// One reader that waits.
public struct VolumeWait: Sendable {
    public var path: [UInt8]
    /// The first block that it asked for.
    public var block: UInt64
    public var seconds: Double
    public var processID: UInt32
}

/// One file's share.
public struct VolumeFileStatus: Sendable {
    public var path: [UInt8]
    public var size: UInt64
    public var presentBlocks: UInt64
    public var totalBlocks: UInt64
    public var isComplete: Bool
    /// A program has read from it through this mount.
    public var touched: Bool
}

/// A stored block range that does not hold.
public struct VolumeProblem: Sendable {
    public var path: [UInt8]
    public var firstBlock: Int
    public var lastBlock: Int
    public var problem: String
}

extension PackageVolume {
    /// A look at everything; cheap enough to be called each second.
    public func status() -> VolumeStatus {
        // Objects shared with another mount grow without our doing.
        for number in slots.resolved { if let object = slots[number], !objectComplete[Int(number)] { account(object) } }
        let now = MonotonicTime.now
        let waits = pending.withLock { $0.all }
        return VolumeStatus(
            presentBlocks: accounting.withLock { $0.presentBlocks },
            totalBlocks: totalBlocks,
            objectCount: objectCount,
            completeObjects: completeCount.load(ordering: .relaxed),
            isComplete: isComplete,
            deliveredBytes: statistics.deliveredBytes.load(ordering: .relaxed),
            parkedReads: statistics.parkedReads.load(ordering: .relaxed),
            refusedWindows: statistics.refusedWindows.load(ordering: .relaxed),
            waitSeconds: Double(statistics.waitNanoseconds.load(ordering: .relaxed)) / 1e9
                + waits.reduce(0) { $0 + Double(now.since($1.read.since)) / 1e9 },
            failedReads: statistics.failedReads.load(ordering: .relaxed),
            corruptDeliveries: statistics.corruptDeliveries.load(ordering: .relaxed),
            corruptBlocks: statistics.corruptBlocks.load(ordering: .relaxed),
            touchedFiles: statistics.touchedFiles.load(ordering: .relaxed),
            waits: waits.map {
                VolumeWait(
                    path: tree.path(of: Int($0.read.node)), block: $0.read.offset / 4096,
                    seconds: Double(now.since($0.read.since)) / 1e9, processID: $0.read.processID)
            },
            waitReason: waitReasonText.withLock { $0 },
            lastError: lastErrorText.withLock { $0 },
            failed: failedReads.withLock { $0.recent }
        )
    }

    /// Presence of each regular file, in the order of the tree. Opens objects that were not looked at yet.
    public func files() -> [VolumeFileStatus] {
        var result: [VolumeFileStatus] = []
        for i in 0..<tree.nodeCount {
            let node = tree.node(i)
            guard node.kind == .regular else { continue }
            let total = (node.size + 4095) / 4096
            var status = VolumeFileStatus(path: tree.path(of: i), size: node.size, presentBlocks: 0, totalBlocks: total, isComplete: node.objectNumber == nil, touched: false)
            if let number = node.objectNumber, case .ready(let object) = resolve(number) {
                status.presentBlocks = UInt64(object.stored.presentBlocks)
                status.isComplete = object.stored.isComplete
                status.touched = objectTouched[Int(number)]
            }
            result.append(status)
        }
        return result
    }

    /// Hashes every stored block again; what does not hold becomes missing (and is fetched again by the fill).
    /// Long; never on the cooperative pool. `progress` gets blocks done and in all before each object, and returns false to stop.
    public func verify(progress: (UInt64, UInt64) -> Bool) -> [VolumeProblem] {
        var problems: [VolumeProblem] = []
        var done: UInt64 = 0
        for number in 0..<objectCount {
            guard progress(done, totalBlocks) else { break }
            let node = tree.node(forObject: number)
            done += (tree.node(node).size + 4095) / 4096
            let path = tree.path(of: node)
            switch resolve(UInt32(number)) {
            case .waiting: continue
            case .failed(let error):
                problems.append(VolumeProblem(path: path, firstBlock: 0, lastBlock: 0, problem: "cannot be opened: \(error)"))
            case .ready(let object):
                do throws(StoreError) {
                    for range in try object.stored.verifyAll() {
                        lost(range, of: object)
                        problems.append(VolumeProblem(path: path, firstBlock: range.lowerBound, lastBlock: range.upperBound - 1, problem: "damaged on disk"))
                    }
                } catch {
                    problems.append(VolumeProblem(path: path, firstBlock: 0, lastBlock: max(0, object.stored.blockCount - 1), problem: "cannot be checked: \(error)"))
                }
            }
        }
        return problems
    }

    /// Opens every object whose index page is here, so that totals count what earlier runs stored.
    func takeStock() {
        for number in 0..<objectCount {
            if completion.withLock({ $0.stopped }) { return }
            _ = resolve(UInt32(number))
        }
    }
}
