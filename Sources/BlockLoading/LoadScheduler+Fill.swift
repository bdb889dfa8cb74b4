import LinuxSystem
import VolumeCore

/// The background fill, and when to look again.
extension LoadScheduler {
    mutating func setFilling(_ on: Bool) {
        fill.on = on
        if !on { return }
        counters.fillRounds += 1
        fill.wake()
        skipped.removeAll()
        finalsInRow.removeAll()
    }

    mutating func setRoom(_ bytes: UInt64?) {
        room = bytes
        let next = fill.on ? ready.first(.background)?.location.storeBytes : nil
        // Begun again only with room for some units, so that a file that comes and goes does not make it stutter.
        let lacks = next.map { lacksRoom ? !hasSpace(4 * $0) : wire.isEmpty && held.isEmpty && !hasSpace($0) } ?? false
        if lacks == lacksRoom { return }
        lacksRoom = lacks
        actions.append(.log(.notice, lacks
            ? "the fill stops: the store's disk is nearly full, and 5 % of it (at most 10 GiB) are kept free; what programs read is still fetched"
            : "the fill goes on: there is room on the store's disk again"))
    }

    mutating func askForMore(_ now: MonotonicTime) {
        if !fill.on || fill.asking || ready.count(.background) >= FillState.lowWater { return }
        if population[Int(LoadPriority.background.rawValue)] >= FillState.batch { return }
        if let pause = fill.pausedUntil, now < pause, fill.done || !entries.isEmpty || !fill.progress { return }
        fill.pausedUntil = nil
        fill.asking = true
        if fill.restart {
            fill.added = 0
            fill.progress = false
        }
        actions.append(.askMissing(limit: FillState.batch, restart: fill.restart))
        fill.restart = false
    }

    mutating func missing(_ units: [LoadUnit], _ now: MonotonicTime) {
        fill.asking = false
        if units.isEmpty {
            fill.done = fill.added == 0 && entries.isEmpty && !fill.restart
            fill.restart = true
            fill.pausedUntil = now.adding(milliseconds: fill.done ? configuration.fillRecheck : FillState.passPause)
            return
        }
        for unit in units where entries[unit] == nil && !skipped.contains(unit) {
            fill.added += 1
            fill.done = false
            add(unit, .background, now)
        }
    }

    /// The fill has something to fetch, so that it matters how much room there is.
    var fillWaits: Bool { fill.on && ready.count(.background) > 0 || lacksRoom }
    /// How often the room is looked at while there is none, in milliseconds.
    static let roomRecheck: UInt64 = 2000

    /// When `plan` should run next if no event comes before; nil if only an event can change anything.
    func nextDeadline(now: MonotonicTime) -> MonotonicTime? {
        var earliest: MonotonicTime?
        func consider(_ time: MonotonicTime?) {
            guard let time else { return }
            earliest = earliest.map { min($0, time) } ?? time
        }
        if !ready.isEmpty, let until = circuit.until, until > now { consider(until) }
        if let until = backingOff.values.min() { consider(until) }
        if lacksRoom { consider(now.adding(milliseconds: Self.roomRecheck)) }
        consider(storage.deadline)
        if fill.on, !fill.asking, let pause = fill.pausedUntil, pause > now { consider(pause) }
        if fill.on, ready.count(.background) > 0, let lastDemand {
            let end = lastDemand.adding(milliseconds: configuration.demandMemory)
            if end > now { consider(end) }
            if let quiet = quietUntil(now), quiet > now { consider(quiet) }
        }
        return earliest
    }
}
