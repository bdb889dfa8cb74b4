import DequeModule
import LinuxSystem
import Synchronization
import VolumeCore

/// The loader's thread: takes mail, asks the scheduler, carries its actions out. Only requests to the source are
/// `async`; each is a task that posts its outcome.
final class LoaderLoop {
    private let target: any LoadTarget
    private let queue: LoadRequestQueue
    private let source: any RangeSource
    private let mailbox: LoaderMailbox
    private let log: LoaderLog
    private let publish: (LoaderStatistics) -> Void
    private var scheduler: LoadScheduler
    private var tasks: [FetchID: Task<Void, Never>] = [:]
    private var lengths: [FetchID: Int] = [:]
    private var held: [FetchID: FetchedBytes] = [:]
    private var cursor: UInt64 = 0
    private let threads: FillThreads

    init(
        target: any LoadTarget, queue: LoadRequestQueue, source: any RangeSource, configuration: LoaderConfiguration,
        mailbox: LoaderMailbox, log: @escaping LoaderLog, publish: @escaping (LoaderStatistics) -> Void
    ) {
        self.target = target
        self.queue = queue
        self.source = source
        self.mailbox = mailbox
        self.log = log
        self.publish = publish
        let seed = configuration.seed ?? UInt64.random(in: .min ... .max)
        scheduler = LoadScheduler(configuration: configuration, sourceName: source.name, seed: seed)
        let name = source.name
        threads = FillThreads(count: configuration.fillThreads) { job in
            let delivery = job.bytes.bytes.withUnsafeBytes { all in
                let slice = UnsafeRawBufferPointer(rebasing: all[job.part.offset..<job.part.offset + job.part.length])
                return target.deliver(job.part.unit, slice, source: name)
            }
            mailbox.post(.delivered(job.part.unit, delivery))
        }
    }

    /// Runs until `LoaderMailbox.stop`; when it returns, no request, thread or delivery of this loader is left.
    func run() {
        var mail = LoaderMailbox.Mail(requests: true)
        while !mail.stop {
            for letter in mail.letters { read(letter) }
            if mail.requests {
                for request in queue.drain() { handle(.requested(request)) }
            }
            let now = MonotonicTime.now
            // Each time, and not from time to time: what is on its way may fill a small disk within a second.
            if scheduler.fillWaits { handle(.room(target.roomForFill())) }
            while carryOut(scheduler.plan(now: now)) {}
            publish(scheduler.statistics)
            mail = mailbox.take(until: scheduler.nextDeadline(now: now))
        }
        shutDown(after: mail)
    }

    /// `mail`: what came together with the word to stop; a fetch that has ended will not say so again.
    private func shutDown(after mail: LoaderMailbox.Mail) {
        for case .fetched(let id, _) in mail.letters { tasks[id] = nil }
        for task in tasks.values { task.cancel() }
        while !tasks.isEmpty {
            for case .fetched(let id, _) in mailbox.take(until: nil, stopping: true).letters { tasks[id] = nil }
        }
        threads.stop()
        target.setWaitReason(nil)
    }

    private func read(_ letter: LoaderMailbox.Letter) {
        switch letter {
        case .requests: break
        case .setFilling(let on): handle(.setFilling(on))
        case .delivered(let unit, let delivery): handle(.delivered(unit, delivery))
        case .fetched(let id, let result):
            tasks[id] = nil
            let expected = lengths.removeValue(forKey: id) ?? 0
            switch result {
            case .success(let bytes) where bytes.count == expected:
                held[id] = FetchedBytes(bytes)
                handle(.fetched(id))
            case .success(let bytes):
                let error = SourceError(.temporary, "\(source.name) gave \(bytes.count) bytes where \(expected) were asked for")
                handle(.fetchFailed(id, error))
            case .failure(let error): handle(.fetchFailed(id, error))
            }
        }
    }

    private func handle(_ event: LoadScheduler.Event) { _ = carryOut(scheduler.handle(event, now: .now)) }

    /// Carries actions out in order; those that are questions are answered at once, which may bring more actions.
    /// True if the fill learnt of missing units, so that there may be more to start.
    private func carryOut(_ first: [LoadScheduler.Action]) -> Bool {
        var pending = Deque(first)
        var learnt = false
        while let action = pending.popFirst() {
            switch action {
            case .locate(let unit): pending += scheduler.handle(.located(unit, locate(unit)), now: .now)
            case .askMissing(let limit, let restart):
                if restart { cursor = 0 }
                let units = target.nextMissing(after: &cursor, limit: limit)
                pending += scheduler.handle(.missing(units), now: .now)
                learnt = true
            case .fetch(let fetch): start(fetch)
            case .deliver(let part, let id, let priority):
                if let bytes = held[id] { threads.enqueue(FillThreads.Job(part: part, bytes: bytes), priority) }
            case .hurry(let unit, let priority): threads.hurry(unit, to: priority)
            case .release(let id): held[id] = nil
            case .fail(let unit, let errno, let reason):
                // Whoever is told of the failure may ask at once what kind it was.
                publish(scheduler.statistics)
                target.fail(unit, errno: errno, reason: reason)
            case .recheck(let unit): target.found(unit)
            case .setWaitReason(let reason): target.setWaitReason(reason)
            case .log(let level, let text): log(level, text)
            }
        }
        return learnt
    }

    private func locate(_ unit: LoadUnit) -> LoadScheduler.Placement {
        if target.isPresent(unit) {
            target.found(unit)
            return .present
        }
        if let location = target.location(of: unit) { return .at(location) }
        return .needsIndex(unit.kind == .chunk ? target.indexPage(forChunk: unit.index) : nil)
    }

    private func start(_ fetch: Fetch) {
        lengths[fetch.id] = fetch.length
        tasks[fetch.id] = Task.detached(priority: fetch.priority == .background ? .utility : .userInitiated) { [source, mailbox] in
            do throws(SourceError) {
                let bytes = try await source.read(path: fetch.path, offset: fetch.offset, length: fetch.length, options: fetch.options)
                mailbox.post(.fetched(fetch.id, .success(bytes)))
            } catch {
                mailbox.post(.fetched(fetch.id, .failure(error)))
            }
        }
    }
}
