import DequeModule
import VolumeCore

/// The units that could be fetched now, in the order they were asked for per priority, and findable by the byte at
/// which they start, so that neighbours can share a request.
///
/// Invariants: `members` holds each unit once; a queue may hold stale entries, told by their ticket.
struct ReadyUnits {
    private struct Member {
        var location: UnitLocation
        var priority: LoadPriority
        var ticket: UInt64
    }
    private struct Start: Hashable {
        var path: [UInt8]
        var offset: UInt64
    }

    private var members: [LoadUnit: Member] = [:]
    private var starts: [Start: LoadUnit] = [:]
    private var queues: [Deque<(unit: LoadUnit, ticket: UInt64)>] = .init(repeating: [], count: LoadPriority.allCases.count)
    private var counts: [Int] = .init(repeating: 0, count: LoadPriority.allCases.count)
    private var nextTicket: UInt64 = 0

    /// Units ready at `priority`.
    func count(_ priority: LoadPriority) -> Int { counts[Int(priority.rawValue)] }
    var isEmpty: Bool { members.isEmpty }

    /// Adds a unit, or moves it to another priority.
    mutating func insert(_ unit: LoadUnit, at location: UnitLocation, _ priority: LoadPriority) {
        remove(unit)
        nextTicket += 1
        members[unit] = Member(location: location, priority: priority, ticket: nextTicket)
        starts[Start(path: location.path, offset: location.offset)] = unit
        queues[Int(priority.rawValue)].append((unit, nextTicket))
        counts[Int(priority.rawValue)] += 1
    }

    mutating func remove(_ unit: LoadUnit) {
        guard let member = members.removeValue(forKey: unit) else { return }
        counts[Int(member.priority.rawValue)] -= 1
        let start = Start(path: member.location.path, offset: member.location.offset)
        if starts[start] == unit { starts[start] = nil }
    }

    /// The oldest unit of `priority`.
    mutating func first(_ priority: LoadPriority) -> (unit: LoadUnit, location: UnitLocation)? {
        let i = Int(priority.rawValue)
        while let head = queues[i].first {
            if let member = members[head.unit], member.ticket == head.ticket { return (head.unit, member.location) }
            queues[i].removeFirst()
        }
        return nil
    }

    /// The unit that starts exactly where `location` ends, if it is wanted at least as urgently as `atMost`.
    func neighbour(after location: UnitLocation, atMost: LoadPriority) -> (unit: LoadUnit, location: UnitLocation)? {
        let (end, overflow) = location.offset.addingReportingOverflow(UInt64(location.length))
        if overflow { return nil }
        guard let unit = starts[Start(path: location.path, offset: end)], let member = members[unit],
            member.priority <= atMost
        else { return nil }
        return (unit, member.location)
    }
}
