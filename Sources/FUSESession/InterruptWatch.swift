import LinuxSystem

/// The interrupted requests and when each is looked at next. Pure: observations in, actions out.
///
/// The kernel sends one INTERRUPT for a request, whatever comes later: a request that was interrupted by a harmless signal is
/// watched until it is answered, because a fatal one may follow in silence. An INTERRUPT can also arrive before the request
/// was parked by the worker that read it.
struct InterruptWatch {
    /// The first pause between two looks, and the longest, in milliseconds.
    static let firstPause: UInt64 = 5
    static let longestPause: UInt64 = 50

    /// What a look found.
    enum Observation: Hashable { case notParked, parked(CallerStatus) }
    /// What follows from it.
    enum Action: Hashable { case interrupt, lookAgain, forget }

    private struct Entry {
        let unique: UInt64
        let since: MonotonicTime
        var next: MonotonicTime
        var pause = InterruptWatch.firstPause
        var wasParked = false
    }

    private let graceNanoseconds: UInt64
    private var entries: [Entry] = []

    init(graceMilliseconds: UInt64) { graceNanoseconds = graceMilliseconds * 1_000_000 }

    var isEmpty: Bool { entries.isEmpty }
    /// When something has to be looked at next.
    var deadline: MonotonicTime? { entries.lazy.map(\.next).min() }

    /// A signal reached the caller of `unique`: look at once.
    mutating func add(_ unique: UInt64, now: MonotonicTime) {
        if !entries.contains(where: { $0.unique == unique }) { entries.append(Entry(unique: unique, since: now, next: now)) }
    }

    /// The requests to look at now.
    func due(now: MonotonicTime) -> [UInt64] { entries.filter { $0.next <= now }.map(\.unique) }

    /// Takes what a look at `unique` found and says what to do.
    mutating func observe(_ unique: UInt64, _ observation: Observation, now: MonotonicTime) -> Action {
        guard let index = entries.firstIndex(where: { $0.unique == unique }) else { return .forget }
        switch observation {
        case .parked(.dying), .parked(.gone):
            entries.remove(at: index)
            return .interrupt
        case .notParked where entries[index].wasParked || now.since(entries[index].since) >= graceNanoseconds:
            entries.remove(at: index)
            return .forget
        case .parked: entries[index].wasParked = true
        case .notParked: break
        }
        entries[index].next = now.adding(milliseconds: entries[index].pause)
        entries[index].pause = min(entries[index].pause * 2, Self.longestPause)
        return .lookAgain
    }
}
