import Glibc
import LinuxSystem
import VolumeCore

/// What came of requests and deliveries.
extension LoadScheduler {
    mutating func fetched(_ id: FetchID, _ now: MonotonicTime) {
        guard let flight = takeOffWire(id, arrived: true, now) else { return }
        circuit.answered(id)
        if backingOff.isEmpty { sourceReason = nil }
        held[id] = flight
        for part in flight.fetch.parts {
            guard let entry = entries[part.unit] else { drop(id); continue }
            if storage.isOpen && entry.priority != .demand {
                entries[part.unit]!.stage = .storageWaiting(id)
                storage.hold(part.unit)
            } else {
                entries[part.unit]!.stage = .delivering(id)
                actions.append(.deliver(part, from: id, entry.priority))
            }
        }
    }

    mutating func fetchFailed(_ id: FetchID, _ error: SourceError, _ now: MonotonicTime) {
        guard let flight = takeOffWire(id, arrived: false, now) else { return }
        buffered -= flight.fetch.length
        spaceClaimed -= flight.storeBytes
        counters.lastError = error.message
        let random = jitter.next()
        switch error.kind {
        case .unreachable, .untrusted:
            let until = circuit.failed(id, now: now, atLeast: 0, backOff: backOff, random: random)
            retryLater(flight, error, until, now)
            for part in flight.fetch.parts { makeReady(part.unit) }
        case .throttled(let patience):
            let asked = min(configuration.retryAfterLimit, Self.milliseconds(patience))
            let until = circuit.failed(id, now: now, atLeast: asked, backOff: backOff, random: random)
            retryLater(flight, error, until, now)
            for part in flight.fetch.parts { makeReady(part.unit) }
        case .temporary:
            let attempts = flight.fetch.parts.map { entries[$0.unit]?.attempts ?? 0 }.max() ?? 0
            var until = now.adding(milliseconds: backOff.delay(attempt: attempts, random: random))
            if let open = circuit.temporary(id, now: now, backOff: backOff, random: jitter.next()) { until = max(until, open) }
            retryLater(flight, error, until, now)
            for part in flight.fetch.parts where entries[part.unit] != nil {
                entries[part.unit]!.attempts += 1
                sleep(part.unit, until)
            }
        case .final(let errno):
            circuit.answered(id)
            if backingOff.isEmpty { sourceReason = nil }
            finalsInRow[flight.fetch.path, default: (0, error.message)].count += 1
            for part in flight.fetch.parts {
                guard let entry = entries[part.unit] else { continue }
                let single = flight.fetch.parts.count == 1
                if single || (entry.priority == .background && isDead(flight.fetch.path)) {
                    giveUp(part.unit, errno, error.message)
                } else {
                    entries[part.unit]!.alone = true
                    makeReady(part.unit)
                }
            }
        }
    }

    mutating func delivered(_ unit: LoadUnit, _ delivery: Delivery, _ now: MonotonicTime) {
        guard let entry = entries[unit], case .delivering(let id) = entry.stage else { return }
        if case .storageFailed(let errno) = delivery {
            counters.storageFailures += 1
            let reason = "the store cannot take what was fetched: \(Self.text(errno)); it is kept and tried again, make room on the store's disk"
            if storage.reason != reason { actions.append(.log(.warning, reason)) }
            counters.lastError = reason
            let isKept = !(holdsEnough && !storage.waiting.isEmpty)
            storage.failed(isKept ? unit : nil, reason: reason, now: now, backOff: backOff, random: jitter.next())
            if isKept {
                entries[unit]!.stage = .storageWaiting(id)
                // Its readers have been answered from memory.
                if entry.priority == .demand { demote(unit, to: .readahead) }
            } else {
                drop(id)
                remove(unit)
            }
            actions.append(.recheck(unit))
            return
        }
        if storage.isOpen { for waiting in storage.recovered() { redeliver(waiting) } }
        drop(id)
        if delivery == .stored {
            counters.stored += 1
            fill.progress = true
            if let path = entry.location?.path { finalsInRow[path] = nil }
            counters.bytesStored += UInt64(entry.location?.length ?? 0)
            if unit.kind == .indexPage { fill.wake() }
            remove(unit)
            // Who waits for it all the same asks again.
            if entry.askedInDelivery { actions.append(.recheck(unit)) }
            return
        }
        counters.corrupt += 1
        let answers = entry.corrupt + 1
        entries[unit]!.corrupt = answers
        let what = "\(Self.describe(unit)) from \(sourceName) does not match its digest (answer \(answers) of \(configuration.corruptLimit))"
        counters.lastError = what
        if answers >= configuration.corruptLimit {
            counters.damaged += 1
            let reason = "\(what); the origin's files are damaged or do not belong to this package: publish it again, or ask its publisher"
            finalsInRow[entry.location?.path ?? [], default: (0, reason)].count += 1
            giveUp(unit, EIO, reason)
            return
        }
        actions.append(.log(.warning, "\(what); fetching it again"))
        counters.retries += 1
        entries[unit]!.alone = true
        if answers == 1 { makeReady(unit) } else { sleep(unit, now.adding(milliseconds: backOff.delay(attempt: answers - 2, random: jitter.next()))) }
    }

    /// Sends bytes that waited for the store to be delivered again.
    mutating func redeliver(_ unit: LoadUnit) {
        guard let entry = entries[unit], case .storageWaiting(let id) = entry.stage,
            let part = held[id]?.fetch.parts.first(where: { $0.unit == unit })
        else { return }
        entries[unit]!.stage = .delivering(id)
        actions.append(.deliver(part, from: id, entry.priority))
    }

    func isDead(_ path: [UInt8]) -> Bool { finalsInRow[path]?.count ?? 0 >= Self.deadAfter }

    private mutating func takeOffWire(_ id: FetchID, arrived: Bool, _ now: MonotonicTime) -> Flight? {
        guard let flight = wire[id] else { return nil }
        rate.advance(to: now, inFlight: true, arrived: arrived ? flight.fetch.length : 0)
        wire[id] = nil
        if arrived { counters.bytesFetched += UInt64(flight.fetch.length) }
        if flight.fetch.priority > .demand { hintsOnWire -= 1 }
        if flight.fetch.priority == .background {
            backgroundOnWire.requests -= 1
            backgroundOnWire.bytes -= flight.fetch.length
        }
        return flight
    }

    /// One part less to deliver; with the last one the request's bytes can go.
    private mutating func drop(_ id: FetchID) {
        guard var flight = held[id] else { return }
        flight.undelivered -= 1
        held[id] = flight.undelivered == 0 ? nil : flight
        if flight.undelivered > 0 { return }
        buffered -= flight.fetch.length
        spaceClaimed -= flight.storeBytes
        actions.append(.release(id))
    }

    mutating func makeReady(_ unit: LoadUnit) {
        guard let entry = entries[unit], let location = entry.location else { return }
        entries[unit]!.stage = .ready
        ready.insert(unit, at: location, entry.priority)
    }

    private mutating func sleep(_ unit: LoadUnit, _ until: MonotonicTime) {
        entries[unit]!.stage = .backingOff(until: until)
        backingOff[unit] = until
    }

    private mutating func retryLater(_ flight: Flight, _ error: SourceError, _ until: MonotonicTime, _ now: MonotonicTime) {
        counters.retries += UInt64(flight.fetch.parts.count)
        let seconds = (until.since(now) + 999_999_999) / 1_000_000_000
        let reason = "\(error.message); trying again in \(seconds <= 1 ? "1 s" : "\(seconds) s")"
        if sourceReason == nil { actions.append(.log(.notice, reason)) }
        sourceReason = reason
    }

    private static func milliseconds(_ duration: Duration?) -> UInt64 {
        guard let (seconds, attoseconds) = duration?.components, seconds >= 0 else { return 0 }
        return UInt64(min(seconds, 1 << 32)) * 1000 + UInt64(max(0, attoseconds) / 1_000_000_000_000_000)
    }

    private static func text(_ errno: Int32) -> String { Errno(rawValue: errno).description }
}
