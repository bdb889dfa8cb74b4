import LinuxSystem
import PackageFormat

/// What a parked read needs now.
enum Evaluation {
    case ready
    case waiting([LoadUnit])
    case failed(Errno)
}

extension PackageVolume {
    /// Parks a read until its blocks are there, and asks for them. The delegate answers it: perhaps before this returns.
    public func park(_ read: PendingRead) {
        statistics.parkedReads.add(1, ordering: .relaxed)
        settle([read])
    }

    /// Decides what becomes of reads that are out of the table: answer, fail, or (back) into the table.
    func settle(_ reads: [PendingRead]) {
        var ready: [PendingRead] = []
        for read in reads {
            decide: while true {
                switch evaluate(read) {
                case .ready:
                    ready.append(read)
                    break decide
                case .failed(let error):
                    fail(read, error)
                    break decide
                case .waiting(let units):
                    if let error = finalFailures.withLock({ $0.answer(for: units, now: .now) }) {
                        fail(read, error)
                        break decide
                    }
                    pending.withLock { $0.park(read, on: units) }
                    // A unit may have arrived between the look and the parking; then nobody would wake this read.
                    if case .waiting = evaluate(read) {
                        expect(units)
                        requests.push(contentsOf: units.map { LoadRequest(unit: $0, priority: .demand) })
                        aheadOfMiss(read)
                        break decide
                    }
                    guard pending.withLock({ $0.take(unique: read.unique) }) != nil else { break decide }
                }
            }
        }
        if !ready.isEmpty {
            let now = MonotonicTime.now
            for read in ready { statistics.waitNanoseconds.add(now.since(read.since), ordering: .relaxed) }
            delegate?.answer(ready)
        }
    }

    private func evaluate(_ read: PendingRead) -> Evaluation {
        switch resolve(read.object) {
        case .failed(let error): return .failed(error)
        case .waiting(let units): return .waiting(units)
        case .ready(let object):
            let end = min(read.offset &+ UInt64(read.size), object.size)
            // A block may arrive, or be found damaged, between two looks: what does not fit together is looked at again.
            for _ in 0..<8 {
                guard read.offset < end, !isReadable(object, read.offset..<end) else { return .ready }
                if objectBad[Int(read.object)] { return .failed(.ioError) }
                let units = object.chunks(in: read.offset..<end).filter { !holdsAll(of: $0, for: object, within: read.offset..<end) }
                for chunk in units {
                    if let why = problem(ofChunk: chunk, for: object) { return failed(bad(read.object, why)) }
                }
                if !units.isEmpty { return .waiting(units.map { LoadUnit(.chunk, $0) }) }
                // What is missing lies in holes, or it came just now: holes that the store has lost need no source.
                restoreHoles(of: object)
            }
            // Missing blocks that no extent covers cannot happen with a consistent store; never leave a reader without a unit.
            return .failed(.ioError)
        }
    }

    private func failed(_ resolution: Resolution) -> Evaluation {
        if case .failed(let error) = resolution { return .failed(error) }
        return .failed(.ioError)
    }

    /// True if every block of `object` that `chunk` brings and `range` touches is present.
    private func holdsAll(of chunk: UInt64, for object: VolumeObject, within range: Range<UInt64>) -> Bool {
        for file in object.ranges(ofChunk: chunk) {
            let low = max(file.lowerBound, range.lowerBound)
            let high = min(file.upperBound, range.upperBound)
            if low < high, !isReadable(object, low..<high) {
                // The chunk's own bit may be stale (damage found meanwhile): a demand must not be skipped because of it.
                if Int(chunk) < chunkPresent.bitCount { chunkPresent.clear(Int(chunk)) }
                return false
            }
        }
        return true
    }

    /// These chunks are asked for because of a reader.
    func expect(_ units: [LoadUnit]) {
        for unit in units where unit.kind == .chunk && unit.index < chunkCount { chunkExpected.set(Int(unit.index)) }
    }

    private func aheadOfMiss(_ read: PendingRead) {
        guard let object = slots[read.object], let ahead = object.missed(at: read.offset) else { return }
        request(object, ahead, priority: .readahead)
    }

    /// The store lost the blocks of this read again and again: its reader gets EIO.
    public func gaveUp(_ read: PendingRead) {
        failed(tree.path(of: Int(read.node)), read.offset, thread: read.processID, .ioError, "the store \(store.directory) damages it each time")
        report(.error, "block \(read.offset / 4096) of \(path(ofObject: read.object)) was fetched \(read.losses) times and is damaged in the store \(store.directory) each time; check the disk")
    }

    /// Ends a parked read with an error. `cause` for people; nil: what was reported last.
    func fail(_ read: PendingRead, _ error: Errno, cause: String? = nil) {
        let cause = cause ?? (error == .timeout ? waitReasonText.withLock { $0 } : lastErrorText.withLock { $0 })
        failed(tree.path(of: Int(read.node)), read.offset, thread: read.processID, error, cause ?? "\(error)")
        statistics.waitNanoseconds.add(MonotonicTime.now.since(read.since), ordering: .relaxed)
        delegate?.fail(read, errno: error)
    }

    /// A reader has a fatal signal: its read ends with EINTR. False if it was answered meanwhile.
    @discardableResult
    public func interrupt(unique: UInt64) -> Bool {
        guard let read = pending.withLock({ $0.take(unique: unique) }) else { return false }
        delegate?.fail(read, errno: .interrupted)
        return true
    }

    /// The thread id of a parked reader.
    public func processID(ofParked unique: UInt64) -> UInt32? { pending.withLock { $0.read(unique: unique)?.processID } }

    /// Ends the reads whose time is over with ETIME. Called by a timer thread.
    public func expire(now: MonotonicTime = .now) {
        for read in pending.withLock({ $0.takeExpired(at: now) }) { fail(read, .timeout) }
    }

    /// The mount is gone: forgets every parked read; nobody can be answered any more.
    public func dropPending() { _ = pending.withLock { $0.takeAll() } }

    /// Where pushing into the page cache must stop: see `PendingReads.firstParkedByte`.
    public func firstParkedByte(ofNode node: UInt32, in range: Range<UInt64>) -> UInt64? {
        pending.withLock { $0.firstParkedByte(ofNode: node, in: range) }
    }

    /// Bytes from `offset` on that are present without a gap, at most `limit`; 0 if the object is not resolved.
    public func presentLength(node: TreeNode, from offset: UInt64, limit: UInt64) -> UInt64 {
        guard let number = node.objectNumber, offset < node.size, let object = slots[number] else { return 0 }
        let end = min(offset &+ limit, node.size)
        let blocks = Int(offset / 4096)..<Int((end + 4095) / 4096)
        guard let missing = object.stored.firstMissing(in: blocks) else { return end - offset }
        return max(UInt64(missing) * 4096, offset) - offset
    }
}
