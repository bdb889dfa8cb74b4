import LinuxSystem
import VolumeCore

/// What to fetch, deliver and give up next: a pure state machine. Events and the time go in, actions come out; it does
/// no I/O and reads no clock, so that every interleaving is a unit test. `BlockLoader` drives it.
///
/// Invariants:
/// * A unit has one `Entry` from the first request until it is stored, failed or found present, and is in one stage:
///   so it is never fetched by two requests at once (single flight), whoever asks for it meanwhile.
/// * A request holds units that touch each other in one file; each of them is delivered on its own.
/// * Strict order: nothing starts while something more urgent that could start is ready.
/// * Requests in flight never exceed `maximumRequests`, those for demands `maximumRequests + demandReserve`.
/// * Bytes in flight or not yet delivered never exceed `bufferLimit` by more than one unit and the demands' quarter.
/// * The background fill starts nothing while a demand is ready to start, and for `demandMemory` after a demand it
///   keeps to half of the slots and to what the link brings in 25 ms (at least one unit).
/// * The background fill starts nothing that could bring the store's disk below the space that is kept free (`room`).
struct LoadScheduler {
    enum Event: Sendable {
        /// Somebody wants a unit.
        case requested(LoadRequest)
        /// The answer to `Action.locate`.
        case located(LoadUnit, Placement)
        /// The answer to `Action.askMissing`.
        case missing([LoadUnit])
        /// A request brought all of its bytes.
        case fetched(FetchID)
        /// A request failed.
        case fetchFailed(FetchID, SourceError)
        /// The answer to `Action.deliver`.
        case delivered(LoadUnit, Delivery)
        /// Bytes of content that the fill may still add to the store (`LoadTarget.roomForFill`).
        case room(UInt64?)
        /// The background fill is switched. Switching it on forgets what it had passed over.
        case setFilling(Bool)
    }

    /// What the volume knows of a unit.
    enum Placement: Sendable, Equatable {
        case present
        case at(UnitLocation)
        /// This index page must be loaded first; nil if the package has none that describes the unit.
        case needsIndex(LoadUnit?)
    }

    enum Action: Sendable, Equatable {
        case locate(LoadUnit)
        /// Ask for missing units; `restart` from the beginning of the package.
        case askMissing(limit: Int, restart: Bool)
        case fetch(Fetch)
        /// Verify and store a part of what `from` has brought.
        case deliver(Fetch.Part, from: FetchID, LoadPriority)
        /// Somebody waits for a unit whose delivery is queued: move it up.
        case hurry(LoadUnit, LoadPriority)
        /// The bytes that a request brought are not needed any more.
        case release(FetchID)
        case fail(LoadUnit, errno: Int32, reason: String)
        case setWaitReason(String?)
        /// The bytes of a unit could not be stored: whoever still waits for it has to ask again.
        case recheck(LoadUnit)
        case log(LoaderLogLevel, String)
    }

    enum Stage: Equatable {
        case locating
        case waitingForIndex(LoadUnit)
        case ready
        case backingOff(until: MonotonicTime)
        case inFlight(FetchID)
        case delivering(FetchID)
        /// Its bytes are here, the store cannot take them.
        case storageWaiting(FetchID)
    }

    struct Entry {
        var priority: LoadPriority
        var stage: Stage
        var location: UnitLocation?
        /// Answers that did not match the digest.
        var corrupt = 0
        /// Temporary failures.
        var attempts = 0
        var indexRounds = 0
        /// Fetch it without neighbours: a shared request failed in a way that may be another's fault.
        var alone = false
        /// Somebody asked for it while it was being delivered: perhaps after its readers had been answered, because a block of it was found
        /// damaged since. Nobody would fetch it again.
        var askedInDelivery = false
    }

    /// A request on the wire, or one whose bytes are not all delivered.
    struct Flight {
        var fetch: Fetch
        /// Parts not yet stored or given up.
        var undelivered: Int
        /// Bytes of the store's disk that its parts take, at most.
        var storeBytes: Int
    }

    let configuration: LoaderConfiguration
    let sourceName: String
    let backOff: BackOff
    var jitter: Jitter

    var entries: [LoadUnit: Entry] = [:]
    var ready = ReadyUnits()
    var population = [Int](repeating: 0, count: LoadPriority.allCases.count)
    var waitingForPage: [LoadUnit: [LoadUnit]] = [:]
    var backingOff: [LoadUnit: MonotonicTime] = [:]
    var wire: [FetchID: Flight] = [:]
    var held: [FetchID: Flight] = [:]
    var buffered = 0
    /// Bytes of the store's disk that what is on the wire or not yet delivered takes, at most.
    var spaceClaimed = 0
    var backgroundOnWire = (requests: 0, bytes: 0)
    var hintsOnWire = 0
    var nextFetch: UInt64 = 0
    var lastDemand: MonotonicTime?
    /// When the fill last started a request.
    var lastBackground: MonotonicTime?

    var circuit = OriginCircuit()
    var rate = RateEstimate()
    var storage = StorageBreaker()
    var fill: FillState
    /// Bytes of content that the fill may add to the store before the space that is kept free begins; nil: no limit.
    var room: UInt64?
    /// The fill stands still for want of room.
    var lacksRoom = false
    /// Final answers in a row per file, with the first of them; from `deadAfter` on the fill passes the file over.
    var finalsInRow: [[UInt8]: (count: Int, reason: String)] = [:]
    static let deadAfter = 3
    var skipped: Set<LoadUnit> = []
    /// Why the first of them was given up.
    var skippedReason: String?

    var sourceReason: String?
    var shownReason: String?
    var counters = LoaderStatistics()
    var actions: [Action] = []

    init(configuration: LoaderConfiguration, sourceName: String, seed: UInt64) {
        self.configuration = configuration
        self.sourceName = sourceName
        backOff = BackOff(base: configuration.backOffBase, limit: configuration.backOffLimit)
        jitter = Jitter(seed: seed)
        fill = FillState(on: configuration.filling)
    }

    /// Takes in one event. The actions are to be carried out in order; call `plan` when there are no more events.
    mutating func handle(_ event: Event, now: MonotonicTime) -> [Action] {
        switch event {
        case .requested(let request): add(request.unit, request.priority, now)
        case .located(let unit, let placement): located(unit, placement, now)
        case .missing(let units): missing(units, now)
        case .fetched(let id): fetched(id, now)
        case .fetchFailed(let id, let error): fetchFailed(id, error, now)
        case .delivered(let unit, let delivery): delivered(unit, delivery, now)
        case .room(let bytes): setRoom(bytes)
        case .setFilling(let on): setFilling(on)
        }
        return takeActions()
    }

    /// Starts what may start now.
    mutating func plan(now: MonotonicTime) -> [Action] {
        wakeSleepers(now)
        dispatch(now)
        askForMore(now)
        showReason()
        return takeActions()
    }

    var statistics: LoaderStatistics {
        var s = counters
        s.inFlight = wire.count
        s.demandsWaiting = population[Int(LoadPriority.demand.rawValue)]
        s.bufferedBytes = buffered
        s.rate = rate.bytesPerSecond
        s.skipped = skipped.count
        s.skippedReason = skipped.isEmpty ? nil : skippedReason
        s.lacksRoom = lacksRoom
        s.fillDone = fill.done && entries.isEmpty
        s.waitReason = shownReason
        return s
    }

    private mutating func takeActions() -> [Action] {
        defer { actions.removeAll(keepingCapacity: true) }
        return actions
    }

    private mutating func showReason() {
        let reason = storage.reason ?? sourceReason
        if reason == shownReason { return }
        shownReason = reason
        actions.append(.setWaitReason(reason))
    }
}
