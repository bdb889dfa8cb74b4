import LinuxSystem
import VolumeCore

/// The background fill, and when to look again.
extension LoadScheduler {
    mutating func setFilling(_ on: Bool) {
        fill.on = on
        if !on { return }
        fill.wake()
        skipped.removeAll()
        finalsInRow.removeAll()
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

    /// When `plan` should run next if no event comes before; nil if only an event can change anything.
    func nextDeadline(now: MonotonicTime) -> MonotonicTime? {
        var earliest: MonotonicTime?
        func consider(_ time: MonotonicTime?) {
            guard let time else { return }
            earliest = earliest.map { min($0, time) } ?? time
        }
        if !ready.isEmpty, let until = circuit.until, until > now { consider(until) }
        if let until = backingOff.values.min() { consider(until) }
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
