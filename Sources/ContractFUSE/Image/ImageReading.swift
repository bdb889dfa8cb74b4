import ContractVolume
import FUSEProtocol
import FUSESession
import ImageFormat
import LinuxSystem
import Synchronization

/// Answers READs of an image's files: present blocks on the thread that asks, missing ones when they come or their time is over.
final class ImageReading: Sendable {
    struct State: Sendable {
        var pending = PendingReadTable<ImageReadJob>()
        /// Waiting reads by the request's number: their serials.
        var serials: [UInt64: UInt32] = [:]
        var isStopped = false
    }

    let image: ImageFile
    let state = Condition(State())
    private let timeoutMilliseconds: UInt64
    private let windows = RefusedReadahead()
    private let wakePollers: @Sendable () -> Void
    private let clock = Mutex<Thread?>(nil)

    /// `wakePollers` is called when a read begins to wait.
    init(image: ImageFile, timeoutMilliseconds: UInt32, wakePollers: @escaping @Sendable () -> Void) {
        self.image = image
        self.timeoutMilliseconds = UInt64(timeoutMilliseconds)
        self.wakePollers = wakePollers
        let state = self.state
        clock.withLock { $0 = Thread(name: "image-clock") { [unowned self] in self.keepTime(state) } }
    }

    /// The mount is gone. Not from the clock.
    func stop() {
        state.update { state in
            state.isStopped = true
            for entry in state.pending.removeAll() { entry.waiter.reply.error(.ioError) }
        }
        clock.withLock { let thread = $0; $0 = nil; return thread }?.join()
    }

    func read(_ inode: ImageInode, _ read: FUSERead, _ header: FUSERequestHeader, _ reply: consuming FUSEReply, _ buffer: UnsafeMutableRawBufferPointer) {
        guard read.offset < inode.size else { return reply.data(UnsafeRawBufferPointer(start: nil, count: 0)) }
        let most = ImageFile.mostBlocks * Int(Geometry.blockSize)
        let count = Int(min(UInt64(read.size), inode.size - read.offset, UInt64(min(buffer.count, most))))
        if read.offset % Geometry.blockSize == 0 {
            let target = UnsafeMutableRawBufferPointer(rebasing: buffer[..<count])
            let outcome = image.read(
                inode, from: UInt32(read.offset / Geometry.blockSize), into: target, scratch: UnsafeMutableRawBufferPointer(rebasing: buffer[count...]))
            if outcome == .bytes { return reply.data(UnsafeRawBufferPointer(target)) }
            // More than a page is readahead: refused, and the kernel asks for what is wanted, page by page.
            if !read.isDirect, read.size > Reading.pageSize, windows.refuse(thread: header.pid, node: inode.number, read) { return reply.error(.resourceTemporarilyUnavailable) }
        }
        if !read.isDirect, read.size <= Reading.pageSize { windows.sawPage(thread: header.pid) }
        advance(ImageReadJob(
            reply: reply.park(), thread: Int32(bitPattern: header.pid), uid: header.uid, inode: inode, offset: read.offset, count: count, isDirect: read.isDirect))
    }

    /// Goes on with a job that its caller owns, until it is answered or waits.
    private func advance(_ job: ImageReadJob) {
        var block = [UInt8](repeating: 0, count: Int(Geometry.blockSize))
        // Its block map may have been made since.
        let inode = image.inode(job.inode.number) ?? job.inode
        while job.data.count < job.count {
            let inside = Int((job.offset + UInt64(job.data.count)) % Geometry.blockSize)
            let wanted = min(job.count - job.data.count, block.count - inside)
            switch block.withUnsafeMutableBytes({ image.read(inode, from: job.block, into: UnsafeMutableRawBufferPointer(rebasing: $0[..<(inside + wanted)])) }) {
            case .bytes:
                job.data += block[inside..<inside + wanted]
                job.serial = nil
            case .failed(_, let error): return fail(job, error)
            case .missing:
                // It was said to have come, and has not.
                if job.serial != nil { return fail(job, .noData) }
                if timeoutMilliseconds == 0 { return fail(job, .timedOutOnStream) }
                return wait(job)
            }
        }
        job.data.withUnsafeBytes { _ = job.reply.data($0) }
    }

    private func wait(_ job: ImageReadJob) {
        let now = MonotonicTime.now, key = job.key
        let isStopped = state.update { state -> Bool in
            if state.isStopped { return true }
            job.serial = state.pending.add(key, uid: job.uid, since: now, deadline: now.adding(milliseconds: timeoutMilliseconds), waiter: job)
            state.serials[job.reply.unique] = job.serial
            return false
        }
        if isStopped { _ = job.reply.error(.ioError); return }
        wakePollers()
        // Between the look and the parking it may have been stored: whoever did that found nobody waiting.
        if image.isPresent(job.inode.number, key.block) { filled(key) }
    }

    private func fail(_ job: ImageReadJob, _ error: Errno) {
        // What lies in front of the failing block is an answer to direct I/O; a page is all or nothing.
        if job.isDirect, !job.data.isEmpty { return job.data.withUnsafeBytes { _ = job.reply.data($0) } }
        job.reply.error(error)
    }

    /// A block has come: who waits for it goes on, on this thread.
    func filled(_ key: BlockKey) {
        let jobs = state.withLock { state in
            state.pending.fill(key).map { entry in
                state.serials[entry.waiter.reply.unique] = nil
                return entry.waiter
            }
        }
        for job in jobs { advance(job) }
    }

    private func keepTime(_ state: Condition<State>) {
        while true {
            let deadline = state.withLock { $0.pending.nextDeadline }
            let expired = state.wait(until: deadline) { state -> [ImageReadJob]? in
                if state.isStopped { return [] }
                let over = state.pending.expire(now: .now).map(\.waiter)
                for job in over { state.serials[job.reply.unique] = nil }
                return over.isEmpty && state.pending.nextDeadline == deadline ? nil : over
            }
            if state.withLock({ $0.isStopped }) { return }
            for job in expired ?? [] { fail(job, .timedOutOnStream) }
        }
    }

    // MARK: Signals

    func thread(ofParked unique: UInt64) -> Int32? {
        state.withLock { state in state.serials[unique].flatMap { state.pending.entry(serial: $0)?.waiter.thread } }
    }

    func interrupt(_ unique: UInt64) {
        let job = state.withLock { state in state.serials.removeValue(forKey: unique).flatMap { state.pending.remove(serial: $0)?.waiter } }
        job?.reply.error(.interrupted)
    }
}
