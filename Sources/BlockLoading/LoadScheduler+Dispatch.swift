import Glibc
import LinuxSystem
import VolumeCore

/// Which request goes out next.
extension LoadScheduler {
    /// What the fill may have on the wire, as time on the link in milliseconds: shortly after a demand one unit and no more
    /// (the next demand queues behind it), enough to keep a long link full when nobody waits.
    static let backgroundTime: (shortlyAfterDemand: UInt64, idle: UInt64) = (0, 250)
    /// For so long after a demand the fill starts nothing, in milliseconds: a program that starts asks for block after block,
    /// and each would queue behind what the fill has on the wire.
    static let quietAfterDemand: UInt64 = 150
    /// All the same it starts a unit when it has started nothing for so long, in milliseconds: it must get to its end.
    static let longestQuiet: UInt64 = 1000
    /// The fill's share while the link's rate is unknown or low, in bytes, when nobody waits.
    static let backgroundMinimum = 512 << 10

    mutating func wakeSleepers(_ now: MonotonicTime) {
        if !backingOff.isEmpty {
            for (unit, until) in backingOff where until <= now {
                backingOff[unit] = nil
                makeReady(unit)
            }
        }
        if storage.isOpen, let unit = storage.probe(now, rank: { entries[$0]?.priority.rawValue ?? .max }) { redeliver(unit) }
    }

    mutating func dispatch(_ now: MonotonicTime) {
        while circuit.allows(now), let (unit, location, priority) = next(now) {
            if priority == .background && isDead(location.path) {
                giveUp(unit, EIO, finalsInRow[location.path]?.reason ?? "its file at the source cannot be had")
                continue
            }
            start(unit, location, priority, now)
        }
    }

    /// The most urgent unit that has a slot and room; nil if there is none. Order is strict: if the most urgent ready
    /// unit may not start, nothing less urgent does.
    private mutating func next(_ now: MonotonicTime) -> (LoadUnit, UnitLocation, LoadPriority)? {
        for priority in LoadPriority.allCases {
            guard let (unit, location) = ready.first(priority) else { continue }
            let allowed =
                switch priority {
                case .demand:
                    wire.count < configuration.maximumRequests + configuration.demandReserve
                        && (buffered == 0 || buffered + location.length <= configuration.bufferLimit / 4 * 5)
                case .declared, .readahead:
                    !(storage.isOpen && holdsEnough) && hintsOnWire < configuration.maximumRequests && wire.count < configuration.maximumRequests && hasRoom(location.length)
                case .background:
                    fill.on && !storage.isOpen && !lacksRoom && hasSpace(location.storeBytes) && hasRoom(location.length) && wire.count < configuration.maximumRequests
                        && backgroundFits(location.length, now)
                }
            return allowed ? (unit, location, priority) : nil
        }
        return nil
    }

    /// Enough bytes wait for a store that takes none: what comes now is given to its readers and not kept.
    var holdsEnough: Bool { buffered > configuration.bufferLimit / 2 }

    /// True if the fill may bring what takes so many bytes of the store's disk without using up the space that is kept free, when
    /// all that is under way takes as much as it can.
    func hasSpace(_ storeBytes: Int) -> Bool {
        guard let room else { return true }
        return UInt64(spaceClaimed + storeBytes) <= room
    }

    private func hasRoom(_ length: Int) -> Bool { buffered == 0 || buffered + length <= configuration.bufferLimit }

    /// Slots and bytes that the fill may have on the wire.
    func backgroundShare(_ now: MonotonicTime) -> (slots: Int, bytes: Int) {
        let recent = demandIsRecent(now)
        let slots = recent ? max(1, configuration.maximumRequests / 2) : configuration.maximumRequests
        let most = slots * configuration.coalesceLimit
        let time = recent ? Self.backgroundTime.shortlyAfterDemand : Self.backgroundTime.idle
        return (slots, min(most, max(recent ? 1 : Self.backgroundMinimum, rate.bytes(in: time))))
    }

    /// Whether the fill may start a request for a unit of `length` bytes: always if it has none on the wire; else when
    /// a quarter of its share is free, so that it does not fall apart into small requests.
    private func backgroundFits(_ length: Int, _ now: MonotonicTime) -> Bool {
        if let until = quietUntil(now), now < until { return false }
        if backgroundOnWire.requests == 0 { return true }
        let share = backgroundShare(now)
        if backgroundOnWire.requests >= share.slots { return false }
        return share.bytes - backgroundOnWire.bytes >= max(length, min(configuration.coalesceLimit, share.bytes / 4))
    }

    /// Until when the fill keeps still because of a demand; nil if there was none lately.
    func quietUntil(_ now: MonotonicTime) -> MonotonicTime? {
        guard let lastDemand else { return nil }
        let quiet = population[Int(LoadPriority.demand.rawValue)] > 0 ? MonotonicTime(nanoseconds: .max) : lastDemand.adding(milliseconds: Self.quietAfterDemand)
        let patience = (lastBackground ?? lastDemand).adding(milliseconds: Self.longestQuiet)
        return min(quiet, patience)
    }

    func demandIsRecent(_ now: MonotonicTime) -> Bool {
        if population[Int(LoadPriority.demand.rawValue)] > 0 { return true }
        guard let lastDemand else { return false }
        return now < lastDemand.adding(milliseconds: configuration.demandMemory)
    }

    private mutating func start(_ unit: LoadUnit, _ location: UnitLocation, _ priority: LoadPriority, _ now: MonotonicTime) {
        nextFetch += 1
        let id = FetchID(number: nextFetch)
        let (limit, most, atMost): (Int, Int, LoadPriority) =
            switch priority {
            case .demand: (configuration.demandCoalesceLimit, .max, .readahead)
            case .declared, .readahead:
                // Spread over the free slots first: a window starts in parallel, and only what is left shares requests.
                (configuration.coalesceLimit, Self.share(ready.count(priority), of: configuration.maximumRequests - wire.count), .readahead)
            case .background: (min(configuration.coalesceLimit, backgroundShare(now).bytes - backgroundOnWire.bytes), .max, .background)
            }
        var fetch = Fetch(id: id, path: location.path, offset: location.offset, length: 0, parts: [], priority: priority, options: ReadOptions())
        take(unit, location, into: &fetch)
        let first = entries[unit]!
        fetch.options.bypassCaches = first.corrupt > 0
        var last = location
        var storeBytes = location.storeBytes
        // While the store takes nothing, a demand comes without company: it would have to be kept.
        while !first.alone, !storage.isOpen, fetch.parts.count < most,
            let neighbour = ready.neighbour(after: last, atMost: atMost),
            priority != .background || hasSpace(storeBytes + neighbour.location.storeBytes),
            fetch.length + neighbour.location.length <= limit, hasRoom(fetch.length + neighbour.location.length),
            entries[neighbour.unit]?.alone == false
        {
            take(neighbour.unit, neighbour.location, into: &fetch)
            last = neighbour.location
            storeBytes += last.storeBytes
        }
        rate.advance(to: now, inFlight: !wire.isEmpty, arrived: 0)
        wire[id] = Flight(fetch: fetch, undelivered: fetch.parts.count, storeBytes: storeBytes)
        spaceClaimed += storeBytes
        buffered += fetch.length
        if fetch.priority > .demand { hintsOnWire += 1 }
        if fetch.priority == .background {
            backgroundOnWire.requests += 1
            lastBackground = now
            backgroundOnWire.bytes += fetch.length
        }
        circuit.started(id)
        counters.requests += 1
        actions.append(.fetch(fetch))
    }

    private mutating func take(_ unit: LoadUnit, _ location: UnitLocation, into fetch: inout Fetch) {
        ready.remove(unit)
        entries[unit]!.stage = .inFlight(fetch.id)
        fetch.priority = min(fetch.priority, entries[unit]!.priority)
        fetch.parts.append(Fetch.Part(unit: unit, offset: fetch.length, length: location.length))
        fetch.length += location.length
    }

    private static func share(_ units: Int, of slots: Int) -> Int { max(1, (units + max(1, slots) - 1) / max(1, slots)) }
}
