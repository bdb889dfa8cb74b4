import FUSEProtocol
import Glibc
import LinuxSystem
import Synchronization

extension FUSESession {
    /// A worker's body: read, answer, and wait only when there is nothing to read. Nothing between the read(2) of a READ of
    /// present data and its writev(2) allocates.
    func work(_ descriptor: CInt, _ wait: WorkerWait) {
        let memory = WorkerMemory()
        var spin = AdaptiveSpin(duration: configuration.spinNanoseconds)
        while !stopping.load(ordering: .relaxed) {
            let count = SystemCalls.readResult(descriptor, into: memory.request)
            if count > 0 {
                serve(count, memory, descriptor)
            } else if !idle(CInt(-count), descriptor, memory, wait, &spin) {
                break
            }
        }
        workerEnded()
    }

    /// Parses one request and has it answered.
    @inline(__always)
    private func serve(_ count: Int, _ memory: borrowing WorkerMemory, _ descriptor: CInt) {
        let bytes = UnsafeRawBufferPointer(rebasing: memory.request[..<count])
        let request: FUSERequest
        do throws(FUSEParseError) { request = try FUSERequest.parse(bytes) } catch { return malformed(bytes, descriptor) }
        let reply = FUSEReply(descriptor: request.operation.expectsReply ? descriptor : -1, unique: request.header.unique, counters: counters)
        switch request.operation {
        case .interrupt(let unique):
            reply.ok()
            watcher.interrupted(unique)
        case .initialize(let offer): initializeAgain(offer, reply)
        case .destroy: reply.ok()
        default: fileSystem.handle(request, reply, buffer: memory.answer(behind: count))
        }
    }

    /// A read brought nothing. Spins or waits until there may be something; false when the worker has to end.
    private func idle(
        _ error: CInt, _ descriptor: CInt, _ memory: borrowing WorkerMemory, _ wait: WorkerWait, _ spin: inout AdaptiveSpin
    ) -> Bool {
        switch DeviceReadFailure(error) {
        case .again: return true
        case .end(let reason):
            end(reason)
            return false
        case .nothingThere: break
        }
        let since = MonotonicTime.now
        if spin.isWorthwhile, spinning.compareExchange(expected: false, desired: true, ordering: .acquiringAndReleasing).exchanged {
            let count = look(descriptor, memory, until: MonotonicTime(nanoseconds: since.nanoseconds + spin.duration))
            spinning.store(false, ordering: .releasing)
            if count > 0 {
                spin.caught()
                serve(count, memory, descriptor)
                return true
            }
            if count != -Int(EAGAIN) { return idle(CInt(-count), descriptor, memory, wait, &spin) }
            spin.missed()
        }
        do throws(Errno) {
            let ready = try wait.wait.wait()
            spin.woken(after: MonotonicTime.now.since(since))
            return !ready.contains(.stop)
        } catch {
            end(.failed(error))
            return false
        }
    }

    /// Reads again and again until there is something, the time is over, or somebody else wants the processor; the last
    /// result of read(2).
    private func look(_ descriptor: CInt, _ memory: borrowing WorkerMemory, until deadline: MonotonicTime) -> Int {
        var before = MonotonicTime.now
        while true {
            SystemCalls.yieldProcessor()
            let count = SystemCalls.readResult(descriptor, into: memory.request)
            if count != -Int(EAGAIN) { return count }
            let now = MonotonicTime.now
            if now >= deadline || now.since(before) > AdaptiveSpin.longestTurn || stopping.load(ordering: .relaxed) { return count }
            before = now
        }
    }
}
