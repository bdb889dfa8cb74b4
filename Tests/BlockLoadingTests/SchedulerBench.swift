import LinuxSystem
import VolumeCore

@testable import BlockLoading

/// A scheduler with a clock and a package made of hand: chunk `i` lies at `i · size` of one pack, and needs an index page
/// first if `indexed`. Questions are answered at once, as the driver does; requests and deliveries wait for the test.
final class SchedulerBench {
    var scheduler: LoadScheduler
    var now = MonotonicTime(nanoseconds: 1_000_000_000)
    var present: Set<LoadUnit> = []
    var missing: [LoadUnit] = []
    var cursor = 0
    var places: [LoadUnit: UnitLocation] = [:]
    var indexed = false
    let size: Int

    var fetches: [Fetch] = []
    var deliveries: [(part: Fetch.Part, from: FetchID, priority: LoadPriority)] = []
    var hurried: [LoadUnit] = []
    var failures: [LoadUnit: String] = [:]
    var reasons: [String?] = []
    var released: [FetchID] = []
    var rechecked: [LoadUnit] = []
    var questions = 0

    init(size: Int = 64 << 10, filling: Bool = false, _ change: (inout LoaderConfiguration) -> Void = { _ in }) {
        var configuration = LoaderConfiguration()
        configuration.filling = filling
        change(&configuration)
        self.size = size
        scheduler = LoadScheduler(configuration: configuration, sourceName: "test", seed: 1)
    }

    func advance(_ milliseconds: UInt64) {
        now = now.adding(milliseconds: milliseconds)
        plan()
    }

    /// Moves the clock to the next deadline; false if there is none.
    func advanceToDeadline() -> Bool {
        guard let next = scheduler.nextDeadline(now: now) else { return false }
        now = max(now, next)
        plan()
        return true
    }

    func request(_ indexes: Range<UInt64>, _ priority: LoadPriority) {
        for i in indexes { feed(.requested(LoadRequest(unit: LoadUnit(.chunk, i), priority: priority))) }
        plan()
    }
    func demand(_ index: UInt64) { request(index..<index + 1, .demand) }

    func send(_ event: LoadScheduler.Event) {
        feed(event)
        plan()
    }

    /// All requests on the wire come through.
    func answerAll() { for fetch in takeFetches() { send(.fetched(fetch.id)) } }
    /// All deliveries end with `result`.
    func deliverAll(_ result: Delivery = .stored) {
        let all = deliveries
        deliveries = []
        for delivery in all {
            if result == .stored { present.insert(delivery.part.unit) }
            send(.delivered(delivery.part.unit, result))
        }
    }
    func failAll(_ kind: SourceError.Kind, _ message: String = "it broke") {
        for fetch in takeFetches() { send(.fetchFailed(fetch.id, SourceError(kind, message))) }
    }
    func takeFetches() -> [Fetch] {
        defer { fetches = [] }
        return fetches
    }

    func plan() {
        var again = true
        while again { again = carryOut(scheduler.plan(now: now)) }
    }
    private func feed(_ event: LoadScheduler.Event) { _ = carryOut(scheduler.handle(event, now: now)) }

    private func carryOut(_ actions: [LoadScheduler.Action]) -> Bool {
        var pending = actions
        var learnt = false
        while !pending.isEmpty {
            switch pending.removeFirst() {
            case .locate(let unit): pending += scheduler.handle(.located(unit, place(unit)), now: now)
            case .askMissing(let limit, let restart):
                questions += 1
                learnt = true
                if restart { cursor = 0 }
                var found: [LoadUnit] = []
                while cursor < missing.count, found.count < limit {
                    if !present.contains(missing[cursor]) { found.append(missing[cursor]) }
                    cursor += 1
                }
                pending += scheduler.handle(.missing(found), now: now)
            case .fetch(let fetch): fetches.append(fetch)
            case .deliver(let part, let id, let priority): deliveries.append((part, id, priority))
            case .hurry(let unit, _): hurried.append(unit)
            case .release(let id): released.append(id)
            case .fail(let unit, _, let reason): failures[unit] = reason
            case .setWaitReason(let reason): reasons.append(reason)
            case .recheck(let unit): rechecked.append(unit)
            case .log: break
            }
        }
        return learnt
    }

    private func place(_ unit: LoadUnit) -> LoadScheduler.Placement {
        if present.contains(unit) { return .present }
        if let place = places[unit] { return .at(place) }
        if unit.kind == .indexPage { return .at(UnitLocation(path: [], offset: 4096 * unit.index, length: 4096)) }
        let page = LoadUnit(.indexPage, unit.index / 100)
        if indexed && !present.contains(page) { return .needsIndex(page) }
        return .at(UnitLocation(path: Array("pack".utf8), offset: UInt64(size) * unit.index, length: size))
    }
}

func chunk(_ i: UInt64) -> LoadUnit { LoadUnit(.chunk, i) }
func chunks(_ range: Range<UInt64>) -> [LoadUnit] { range.map(chunk) }
extension Fetch { var units: [LoadUnit] { parts.map(\.unit) } }
