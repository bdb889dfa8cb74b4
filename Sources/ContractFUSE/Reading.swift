import ContractVolume
import FUSEProtocol
import FUSESession
import LinuxSystem
import Synchronization

/// Answers READs of files. A present block is answered by the thread that asks; a missing one becomes a job that a fill, the
/// clock or a signal takes up again.
final class Reading: Sendable {
    static let pageSize: UInt32 = 4096

    let state: Condition<ReadState>
    let pollers: Pollers
    private let retries: KernelRetries
    private let windows = RefusedReadahead()
    let loops = FaultLoops()
    private let faultLoop = Mutex<(@Sendable (UInt32, UInt64, UInt64) -> Void)?>(nil)
    private let clock = Mutex<Thread?>(nil)

    init(options: ContractOptions, pollers: Pollers) {
        state = Condition(ReadState(options: options))
        retries = KernelRetries(isOn: options.readaheadPages == 0)
        self.pollers = pollers
        let state = self.state
        // The thread must not keep this alive: it ends when `stop` says so.
        clock.withLock { $0 = Thread(name: "contract-clock") { [unowned self] in self.keepTime(state) } }
    }

    /// The mount is gone. Not from the clock.
    func stop() {
        state.update { $0.drop() }
        clock.withLock { let thread = $0; $0 = nil; return thread }?.join()
    }

    /// What is done when a thread's faults go on without end; given its id, the node and the offset.
    func onFaultLoop(_ body: @escaping @Sendable (UInt32, UInt64, UInt64) -> Void) { faultLoop.withLock { $0 = body } }

    // MARK: A request

    func read(_ opened: OpenedFile, node: Node, _ read: FUSERead, _ header: FUSERequestHeader, _ reply: consuming FUSEReply, _ buffer: UnsafeMutableRawBufferPointer) {
        guard read.offset < opened.size else { return reply.data(UnsafeRawBufferPointer(start: nil, count: 0)) }
        let count = Int(min(UInt64(read.size), opened.size - read.offset, UInt64(buffer.count)))
        if !read.isDirect, read.size <= Self.pageSize, let error = retries.take(thread: header.pid, node: node.id, offset: read.offset) { return reply.error(error) }
        let limits = state.withLock { $0.limits(of: header.uid) }
        let target = UnsafeMutableRawBufferPointer(rebasing: buffer[..<count])
        let first = opened.firstBlock + UInt32(read.offset / Geometry.blockSize)
        let aligned = read.offset % Geometry.blockSize == 0
        if aligned, limits.minTime == 0 || (!read.isDirect && read.size > Self.pageSize) {
            let outcome = opened.file.read(from: first, into: target)
            if outcome == .bytes, limits.minTime == 0 {
                log(opened, first, (count + 4095) / 4096, header.uid)
                return reply.data(UnsafeRawBufferPointer(target))
            }
            // More than a page is readahead. It is refused when something is missing or wrong, and the kernel asks for what is
            // wanted, page by page.
            if outcome != .bytes, !read.isDirect, read.size > Self.pageSize, windows.refuse(thread: header.pid, node: node.id, read) {
                return reply.error(.resourceTemporarilyUnavailable)
            }
        }
        if !read.isDirect, read.size <= Self.pageSize { windows.sawPage(thread: header.pid) }
        let job = ReadJob(
            reply: reply.park(), thread: Int32(bitPattern: header.pid), uid: header.uid, opened: opened, nodeID: node.id, offset: read.offset, count: count,
            isDirect: read.isDirect, limits: limits)
        advance(job)
    }

    private func log(_ opened: OpenedFile, _ first: UInt32, _ count: Int, _ uid: UInt32) {
        let now = MonotonicTime.now
        change { state in
            guard state.log.isOn else { return }
            for block in 0..<UInt32(count) { state.record(opened.file.key(of: first + block), uid: uid, now: now) }
        }
    }

    /// Changes the state, and wakes the clock only if it has to look earlier than it thought.
    private func change<Result>(_ body: (inout ReadState) -> Result) -> Result {
        let (result, isEarlier) = state.withLock { state -> (Result, Bool) in
            let before = state.nextDeadline
            let result = body(&state)
            guard let after = state.nextDeadline else { return (result, false) }
            return (result, before.map { after < $0 } ?? true)
        }
        if isEarlier { state.update { _ in } }
        return result
    }

    // MARK: Jobs

    /// Goes on with a job that its caller owns, until it is answered, waits, or is delayed.
    func advance(_ job: ReadJob) {
        while job.done < job.count {
            let key = job.key
            switch next(of: job) {
            case .bytes:
                let now = MonotonicTime.now
                change { state in
                    state.record(key, uid: job.uid, now: now)
                    // After a wait only the pending minimum counts.
                    if job.serial == nil { state.owe(job, job.limits.minTime) }
                    job.serial = nil
                }
            case .failed(_, let error): return fail(job, error, counted: false)
            case .missing:
                // It was said to be there, and is not.
                if job.serial != nil { return fail(job, .noData, counted: false) }
                if job.limits.maxPending == 0 { return fail(job, .timedOutOnStream, counted: false) }
                if waits(job, key) { return }
            }
        }
        if job.owedDelay > 0 {
            let now = MonotonicTime.now
            change { $0.delay(job, now: now) }
        } else {
            finish(job)
        }
    }

    /// Reads what is wanted of the job's next block.
    private func next(of job: ReadJob) -> BlockOutcome {
        let position = job.offset + UInt64(job.done), inside = Int(position % Geometry.blockSize)
        let wanted = min(job.count - job.done, Int(Geometry.blockSize) - inside)
        let block = job.nextBlock, done = job.done
        func read(_ buffer: UnsafeMutableRawBufferPointer) -> BlockOutcome { job.opened.file.read(from: block, into: buffer) }
        // The look alone needs no place for the data.
        if job.data.isEmpty {
            let look = job.opened.file.look(for: block)
            guard look == .bytes else { return look }
            job.data = [UInt8](repeating: 0, count: job.count)
        }
        let outcome: BlockOutcome
        if inside == 0 {
            outcome = job.data.withUnsafeMutableBytes { read(UnsafeMutableRawBufferPointer(rebasing: $0[done..<done + wanted])) }
        } else {
            var whole = [UInt8](repeating: 0, count: inside + wanted)
            outcome = whole.withUnsafeMutableBytes { read($0) }
            if outcome == .bytes { job.data.replaceSubrange(done..<done + wanted, with: whole[inside...]) }
        }
        if outcome == .bytes { job.done += wanted }
        return outcome
    }

    /// Puts the job where a fill finds it. False when the block has come meanwhile: then it goes on.
    private func waits(_ job: ReadJob, _ key: BlockKey) -> Bool {
        let now = MonotonicTime.now
        let stopped = change { state -> Bool in
            if !state.isStopped { state.park(job, now: now) }
            return state.isStopped
        }
        if stopped {
            job.reply.error(.ioError)
            return true
        }
        pollers.wake(.pendingReads)
        // Between the look and the parking it may have been stored: whoever did that found nobody waiting.
        if (try? job.opened.file.isPresent(key.block)) == true {
            filled(key)
        }
        return true
    }

    private func fail(_ job: ReadJob, _ error: Errno, counted: Bool) {
        let now = MonotonicTime.now
        if !counted { change { $0.fail(job.key, uid: job.uid, error, now: now) } }
        // What lies in front of the failing block is an answer; a page is all or nothing.
        if job.isDirect, job.done > 0 { return finish(job) }
        if !job.isDirect, job.count <= Int(Self.pageSize) {
            let thread = UInt32(bitPattern: job.thread)
            retries.failed(thread: thread, node: job.nodeID, offset: job.offset, error, waited: job.limits.maxPending > 0)
            if loops.failed(thread: thread, node: job.nodeID, offset: job.offset, since: job.began) {
                // Before the answer: until then the thread is where it asked. One that reads again and again has its reasons.
                if CallerStatus.isPopulating(thread: job.thread) {
                    faultLoop.withLock { $0 }?(thread, job.nodeID, job.offset)
                } else { loops.forget(thread: thread) }
            }
        }
        job.reply.error(error)
    }

    private func finish(_ job: ReadJob) {
        if !job.isDirect, job.done == job.count { retries.succeeded(node: job.nodeID, offset: job.offset) }
        job.data.withUnsafeBytes { _ = job.reply.data(UnsafeRawBufferPointer(rebasing: $0[..<job.done])) }
    }

    /// A block has come: who waits for it goes on, on this thread.
    func filled(_ key: BlockKey) {
        let now = MonotonicTime.now
        let jobs = state.withLock { $0.fill(key, now: now) }
        for job in jobs { advance(job) }
    }

    // MARK: Time and signals

    private func keepTime(_ state: Condition<ReadState>) {
        while true {
            let deadline = state.withLock { $0.nextDeadline }
            let due = state.wait(until: deadline) { state -> ReadState.Due? in
                if state.isStopped { return ReadState.Due() }
                let due = state.takeDue(now: .now)
                return due.isEmpty && state.nextDeadline == deadline ? nil : due
            }
            if state.withLock({ $0.isStopped }) { return }
            guard let due else { continue }
            for entry in due.expired { expire(entry) }
            for job in due.delayed { finish(job) }
            if due.wakeLog { pollers.wake(.log) }
        }
    }

    /// The time is over. Of a read ahead of the page that read(2) wants, the kernel tells nobody that its reader was killed.
    private func expire(_ entry: PendingReadTable<ReadJob>.Entry) {
        switch CallerStatus.read(thread: entry.waiter.thread) {
        case .gone, .dying:
            let now = MonotonicTime.now
            change { $0.countInterrupted(entry, now: now) }
            entry.waiter.reply.error(.interrupted)
        case .alive, .unknown: fail(entry.waiter, .timedOutOnStream, counted: false)
        }
    }

    func thread(ofParked unique: UInt64) -> Int32? { state.withLock { $0.thread(ofParked: unique) } }

    func interrupt(_ unique: UInt64) {
        let now = MonotonicTime.now
        guard let job = state.withLock({ $0.interrupt(unique, now: now) }) else { return }
        job.reply.error(.interrupted)
    }
}
