import BlockStore
import LinuxSystem

/// Objects whose last block has arrived and that wait to be hashed whole, synced and renamed.
struct CompletionQueue: Sendable {
    var objects: [UInt32] = []
    var queued: Set<UInt32> = []
    /// Every object is to be looked at once: earlier runs and other packages may have stored some of it.
    var stockWanted = true
    /// Whole, but the disk did not take what completion writes: tried again.
    var refused: Set<UInt32> = []
    var stopped = false
    /// `ArrivedBytes` holds memory: it is swept once a second.
    var sweeps = false
    /// The loader should look for missing blocks again (a stored block was found damaged).
    var wakeBackground: (@Sendable () -> Void)?
}

extension PackageVolume {
    func enqueueCompletion(_ number: UInt32) {
        completion.update { queue in
            if queue.queued.insert(number).inserted { queue.objects.append(number) }
        }
    }

    /// Sets who is called when stored blocks went missing, so that the background fill looks again.
    public func onBackgroundNeeded(_ body: @escaping @Sendable () -> Void) { completion.withLock { $0.wakeBackground = body } }

    func backgroundNeeded() { completion.withLock { $0.wakeBackground }?() }

    /// The last index page has come: what is stored can be counted.
    func stockNeeded() { completion.update { $0.stockWanted = true } }

    /// Counts what is stored and completes objects until `stopCompletion`; run it on a thread of its own: hashing and
    /// syncing take long.
    public func runCompletion() {
        enum Work { case stop, stock, complete(UInt32), startSweeping }
        var retryAt: MonotonicTime?
        var sweepAt: MonotonicTime?
        while true {
            if completion.withLock({ $0.refused.isEmpty }) { retryAt = nil } else if retryAt == nil { retryAt = .now.adding(milliseconds: Self.completionRetry) }
            let deadline = [retryAt, sweepAt].compactMap(\.self).min()
            let next = completion.wait(until: deadline) { queue -> Work? in
                if queue.stopped { return .stop }
                if queue.sweeps, sweepAt == nil { return .startSweeping }
                if queue.stockWanted {
                    queue.stockWanted = false
                    return .stock
                }
                guard !queue.objects.isEmpty else { return nil }
                let number = queue.objects.removeFirst()
                queue.queued.remove(number)
                return .complete(number)
            }
            switch next {
            case .stop: return
            case .startSweeping: sweepAt = .now.adding(milliseconds: ArrivedBytes.lifetime)
            case nil:
                if let at = sweepAt, at <= .now { sweepAt = sweepArrived() ? .now.adding(milliseconds: ArrivedBytes.lifetime) : nil }
                guard let at = retryAt, at <= .now else { continue }
                retryAt = nil
                for number in completion.withLock({ queue in defer { queue.refused = [] }; return queue.refused }) { complete(number) }
            case .stock: takeStock()
            case .complete(let number): complete(number)
            }
        }
    }

    /// Memory for arrived bytes was taken: somebody has to give it back.
    func sweepLater() { completion.update { $0.sweeps = true } }

    /// True while there is more to sweep later.
    private func sweepArrived() -> Bool {
        // In this order: who takes memory after the sweep says so himself.
        completion.withLock { $0.sweeps = false }
        arrived.sweep(now: .now)
        if arrived.memory == 0 { return false }
        completion.withLock { $0.sweeps = true }
        return true
    }

    /// After how many milliseconds an object that the disk did not take is completed again.
    static let completionRetry: UInt64 = 5000

    /// Ends `runCompletion`.
    public func stopCompletion() { completion.update { $0.stopped = true } }

    private func complete(_ number: UInt32) {
        guard case .ready(let object) = resolve(number), !object.stored.isComplete else { return }
        do {
            switch try object.stored.completeIfFull() {
            case .notYet: break
            case .complete: account(object)
            case .corrupt(let ranges):
                for range in ranges { lost(range, of: object) }
            case .wrongContent:
                if objectBad.set(Int(number)) {
                    report(.error, "\(path(ofObject: number)) is whole but is not what the package says (its content digest differs); programs get an input/output error; the publisher has to make the package again")
                }
            }
        } catch {
            // The blocks are good and stay readable; it is tried again.
            completion.withLock { _ = $0.refused.insert(number) }
            if storeRefuses.exchange(true, ordering: .relaxed) { return }
            report(.warning, "\(path(ofObject: number)) is whole but cannot be completed in the store: \(error)")
        }
    }
}
