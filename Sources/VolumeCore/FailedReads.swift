import Glibc
import LinuxSystem

/// The reads of a volume that ended in an error lately, the newest last; of each process the last one. Pure; the owner holds a lock.
struct FailedReads: Sendable {
    /// Processes remembered.
    static let limit = 32

    private(set) var recent: [VolumeFailedRead] = []

    mutating func add(_ read: VolumeFailedRead) {
        // A program that tries again and again leaves room for the others.
        recent.removeAll { $0.processes.first == read.processes.first }
        recent.append(read)
        if recent.count > Self.limit { recent.removeFirst() }
    }
}

extension PackageVolume {
    /// Counts and remembers a read that ends in an error. Called while its reader still waits: whose child that is can be looked up.
    func failed(_ path: [UInt8], _ offset: UInt64, thread: UInt32, _ error: Errno, _ cause: String) {
        let number = statistics.failedReads.add(1, ordering: .relaxed).newValue
        let processes = ProcessAncestry.chain(of: pid_t(truncatingIfNeeded: thread))
        failedReads.withLock { $0.add(VolumeFailedRead(number: number, path: path, block: offset / 4096, error: error, cause: cause, processes: processes)) }
    }
}
