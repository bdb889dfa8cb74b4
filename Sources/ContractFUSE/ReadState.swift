import ContractVolume
import HeapModule
import LinuxSystem

/// What a mount knows of its reads: options, time-outs, waiters, delays, log, counters. Pure but for the clock that it is given.
struct ReadState: Sendable {
    struct Due: Sendable {
        var expired: [PendingReadTable<ReadJob>.Entry] = []
        /// Answers whose delay is over.
        var delayed: [ReadJob] = []
        var wakeLog = false
        var isEmpty: Bool { expired.isEmpty && delayed.isEmpty && !wakeLog }
    }
    private struct Delayed: Comparable, Sendable {
        var time: MonotonicTime
        var unique: UInt64
        static func < (a: Delayed, b: Delayed) -> Bool { (a.time, a.unique) < (b.time, b.unique) }
    }

    var options: ContractOptions
    var timeouts = UserTimeouts()
    var log: ReadLog
    var pending = PendingReadTable<ReadJob>()
    var counters = ReadCounters()
    var lastError = LastReadError()
    /// Data blocks stored since the mount.
    var blocksWritten: UInt32 = 0
    var isStopped = false
    private var delays = Heap<Delayed>()
    private var delayed: [UInt64: ReadJob] = [:]
    /// Waiting reads by the request's number: their serials.
    private var serials: [UInt64: UInt32] = [:]
    private var logWakeup: MonotonicTime?

    /// Sleepers on `.log` are woken this long after the first record they have not heard of.
    static let logWakeupMilliseconds: UInt64 = 16

    init(options: ContractOptions) {
        self.options = options
        log = ReadLog(pages: options.logPages)
    }

    func limits(of uid: UInt32) -> ReadLimits { timeouts.limits(of: uid, mountTimeoutMilliseconds: options.readTimeoutMilliseconds) }

    /// When the clock has something to do next.
    var nextDeadline: MonotonicTime? { Self.earlier(Self.earlier(pending.nextDeadline, delays.min?.time), logWakeup) }

    private static func earlier(_ a: MonotonicTime?, _ b: MonotonicTime?) -> MonotonicTime? {
        guard let a else { return b }
        guard let b else { return a }
        return min(a, b)
    }

    mutating func takeDue(now: MonotonicTime) -> Due {
        var due = Due(expired: pending.expire(now: now))
        for entry in due.expired { serials[entry.waiter.reply.unique] = nil }
        while let first = delays.min, first.time <= now {
            delays.removeMin()
            if let job = delayed.removeValue(forKey: first.unique) { due.delayed.append(job) }
        }
        if let logWakeup, logWakeup <= now {
            due.wakeLog = true
            self.logWakeup = nil
        }
        return due
    }

    /// A block was read, or its time was over.
    mutating func record(_ key: BlockKey, uid: UInt32, now: MonotonicTime) {
        guard log.isOn else { return }
        log.append(key.file, block: key.block, uid: uid, microseconds: now.nanoseconds / 1000)
        if logWakeup == nil { logWakeup = now.adding(milliseconds: Self.logWakeupMilliseconds) }
    }

    /// A block read failed.
    mutating func fail(_ key: BlockKey, uid: UInt32, _ error: Errno, now: MonotonicTime) {
        counters.failed(error)
        lastError.file = key.file
        lastError.block = key.block
        lastError.error = -error.rawValue
        lastError.uid = uid
        lastError.microseconds = now.nanoseconds / 1000
        if error == .timedOutOnStream { record(key, uid: uid, now: now) }
    }

    /// The kernel implementation's time-outs end with a tick of its clock, at 100 a second: a block that comes in the very moment in which the time is
    /// over is still taken. In microseconds.
    static let tick: UInt64 = 10_000

    /// The job waits for its next block.
    mutating func park(_ job: ReadJob, now: MonotonicTime) {
        let deadline = MonotonicTime(nanoseconds: now.nanoseconds &+ (job.limits.maxPending &+ Self.tick) &* 1000)
        job.serial = pending.add(job.key, uid: job.uid, since: now, deadline: deadline, waiter: job)
        serials[job.reply.unique] = job.serial
    }

    /// A block is there: who waited for it, and how long, in microseconds.
    mutating func fill(_ key: BlockKey, now: MonotonicTime) -> [ReadJob] {
        pending.fill(key).map { entry in
            let job = entry.waiter
            serials[job.reply.unique] = nil
            let waited = now.since(entry.since) / 1000
            counters.delayedPending += 1
            counters.delayedPendingMicroseconds += waited
            if job.limits.minPending > waited { owe(job, job.limits.minPending - waited) }
            return job
        }
    }

    /// Takes one out that found its block after all.
    mutating func unpark(_ job: ReadJob) -> Bool {
        guard let serial = job.serial, pending.remove(serial: serial) != nil else { return false }
        serials[job.reply.unique] = nil
        return true
    }

    mutating func owe(_ job: ReadJob, _ microseconds: UInt64) {
        guard microseconds > 0 else { return }
        job.owedDelay += microseconds
        counters.delayedMin += 1
        counters.delayedMinMicroseconds += microseconds
    }

    /// The job is answered when its delays are over.
    mutating func delay(_ job: ReadJob, now: MonotonicTime) {
        delays.insert(Delayed(time: MonotonicTime(nanoseconds: now.nanoseconds + job.owedDelay * 1000), unique: job.reply.unique))
        delayed[job.reply.unique] = job
    }

    func thread(ofParked unique: UInt64) -> Int32? {
        if let job = delayed[unique] { return job.thread }
        return serials[unique].flatMap { pending.entry(serial: $0) }?.waiter.thread
    }

    /// A signal ended a wait: whoever gets the job answers it.
    mutating func interrupt(_ unique: UInt64, now: MonotonicTime) -> ReadJob? {
        if let job = delayed.removeValue(forKey: unique) { return job }
        guard let serial = serials.removeValue(forKey: unique), let entry = pending.remove(serial: serial) else { return nil }
        countInterrupted(entry, now: now)
        return entry.waiter
    }

    /// A wait that ended with its reader counts as that, and not in the log.
    mutating func countInterrupted(_ entry: PendingReadTable<ReadJob>.Entry, now: MonotonicTime) {
        counters.failedOther += 1
        lastError.file = entry.key.file
        lastError.block = entry.key.block
        lastError.error = -Errno.kernelRestart.rawValue
        lastError.uid = entry.uid
        lastError.microseconds = now.nanoseconds / 1000
    }

    /// The mount is gone.
    mutating func drop() {
        _ = pending.removeAll()
        delayed = [:]
        serials = [:]
        delays = Heap()
        isStopped = true
    }
}
