import Glibc
import LinuxSystem
import VolumeCore

/// From a wish to a place: requests, upgrades, index pages.
extension LoadScheduler {
    /// An index page leads to another at most so often before the package is called broken.
    static let maximumIndexRounds = 8

    mutating func add(_ unit: LoadUnit, _ priority: LoadPriority, _ now: MonotonicTime) {
        if priority == .demand { lastDemand = now }
        if priority < .background { skipped.remove(unit) }
        if let entry = entries[unit] {
            if case .delivering = entry.stage { entries[unit]!.askedInDelivery = true }
            if priority < entry.priority { upgrade(unit, entry, to: priority, now) }
            return
        }
        entries[unit] = Entry(priority: priority, stage: .locating)
        population[Int(priority.rawValue)] += 1
        actions.append(.locate(unit))
    }

    private mutating func upgrade(_ unit: LoadUnit, _ entry: Entry, to priority: LoadPriority, _ now: MonotonicTime) {
        population[Int(entry.priority.rawValue)] -= 1
        population[Int(priority.rawValue)] += 1
        entries[unit]!.priority = priority
        switch entry.stage {
        case .ready: ready.insert(unit, at: entry.location!, priority)
        case .waitingForIndex(let page): add(page, priority, now)
        case .delivering: actions.append(.hurry(unit, priority))
        case .storageWaiting where priority == .demand:
            // The store may still take nothing; the reader is answered from memory then.
            storage.release(unit)
            redeliver(unit)
        case .locating, .backingOff, .inFlight, .storageWaiting: break
        }
    }

    mutating func demote(_ unit: LoadUnit, to priority: LoadPriority) {
        guard let entry = entries[unit] else { return }
        population[Int(entry.priority.rawValue)] -= 1
        population[Int(priority.rawValue)] += 1
        entries[unit]!.priority = priority
    }

    mutating func located(_ unit: LoadUnit, _ placement: Placement, _ now: MonotonicTime) {
        guard let entry = entries[unit], entry.stage == .locating else { return }
        switch placement {
        case .present:
            remove(unit)
        case .at(let location):
            let end = location.offset.addingReportingOverflow(UInt64(max(0, location.length)))
            if location.length < 1 || location.length > configuration.maximumUnitLength || end.overflow || SourcePath.components(of: location.path) == nil {
                giveUp(unit, EIO, "the package is broken: \(Self.describe(unit)) has an impossible place at the source; publish it again")
                return
            }
            entries[unit]!.location = location
            entries[unit]!.stage = .ready
            ready.insert(unit, at: location, entry.priority)
        case .needsIndex(let page):
            guard let page, unit.kind == .chunk, entry.indexRounds < Self.maximumIndexRounds else {
                giveUp(unit, EIO, "the package is broken: no index page describes \(Self.describe(unit)); publish it again")
                return
            }
            if entry.priority == .background && skipped.contains(page) {
                giveUp(unit, EIO, skippedReason ?? "its index page cannot be had")
                return
            }
            entries[unit]!.indexRounds += 1
            entries[unit]!.stage = .waitingForIndex(page)
            waitingForPage[page, default: []].append(unit)
            add(page, entry.priority, now)
        }
    }

    /// Forgets a unit that is stored; chunks that waited for it (an index page) are located anew.
    mutating func remove(_ unit: LoadUnit) {
        guard let entry = entries.removeValue(forKey: unit) else { return }
        population[Int(entry.priority.rawValue)] -= 1
        ready.remove(unit)
        backingOff[unit] = nil
        for chunk in waitingForPage.removeValue(forKey: unit) ?? [] where entries[chunk] != nil {
            entries[chunk]!.stage = .locating
            actions.append(.locate(chunk))
        }
    }

    /// Gives a unit up: who waits for it (or for a chunk that it describes) gets `errno`; the fill passes it over.
    mutating func giveUp(_ unit: LoadUnit, _ errno: Int32, _ reason: String) {
        guard let entry = entries[unit] else { return }
        let dependants = waitingForPage.removeValue(forKey: unit) ?? []
        counters.failed += 1
        counters.lastError = reason
        if skipped.isEmpty { skippedReason = reason }
        skipped.insert(unit)
        if entry.priority < .background {
            actions.append(.fail(unit, errno: errno, reason: reason))
            actions.append(.log(.warning, "gave up \(Self.describe(unit)): \(reason)"))
        } else {
            actions.append(.log(.debug, "the fill passes over \(Self.describe(unit)): \(reason)"))
        }
        remove(unit)
        for chunk in dependants { giveUp(chunk, errno, reason) }
    }

    static func describe(_ unit: LoadUnit) -> String {
        switch unit.kind {
        case .chunk: "chunk \(unit.index)"
        case .indexPage: "index page \(unit.index)"
        }
    }
}
