import BlockLoading
import BlockStore
import Integrity
import LinuxSystem
import PackageFormat
import Synchronization
import VolumeCore

/// A package that is open for reading: its volume, and the loader that brings what is missing. Not mounted by itself.
public final class OpenedPackage: Sendable {
    /// How many bytes the first request asks for: one round trip brings all that a mount needs.
    static let firstRequest = Int(PackageHead.firstRequestLength)
    /// Heads longer than this are not fetched: 1 GiB.
    static let headLimit: UInt64 = 1 << 30
    /// How often a head that cannot be used is fetched before that is said.
    static let headAttempts = 3
    /// How long opening waits for an origin that does not answer.
    static let openTimeout: Duration = .seconds(10)

    public let volume: PackageVolume
    public let loader: BlockLoader
    public let source: any RangeSource
    public let root: Digest
    /// Whether the background fill runs.
    public let filling: Bool
    /// What whoever opened it is told, once.
    public let notice: String?

    private let running = Mutex<(loader: Task<Void, Never>?, completion: Thread?)>((nil, nil))

    init(head: PackageHead, store: PlainStore, cache: PackageCache, source: any RangeSource, options: OpenOptions, notice: String? = nil) {
        self.notice = notice
        var configuration = VolumeConfiguration()
        configuration.readTimeoutSeconds = options.readTimeoutSeconds
        cache.touch(root: head.root)
        configuration.indexCache = try? cache.indexFile(root: head.root)
        configuration.onEvent = options.onEvent
        volume = PackageVolume(head: head, store: store, configuration: configuration)
        self.source = source
        root = head.root
        filling = options.fill
        var loading = options.loader
        loading.filling = options.fill
        loader = BlockLoader(target: volume, queue: volume.requests, source: source, configuration: loading, log: options.loaderLog)
    }

    /// Opens the package at `source`. With `pin` and a kept head nothing is asked of the network. Without a pin the origin
    /// says which release is current; when it cannot be reached, the one that `address` had last is opened.
    public static func open(
        address: String, pin: Digest?, source: any RangeSource, store: PlainStore, options: OpenOptions
    ) async throws(OpenError) -> OpenedPackage {
        let cache = PackageCache(store: store.directory)
        if let pin, let head = cache.head(root: pin) {
            return OpenedPackage(head: head, store: store, cache: cache, source: source, options: options)
        }
        do throws(OpenError) {
            let (head, bytes) = try await fetchHead(source, pin: pin, options)
            try await requireRanges(source, head, options)
            let notice = pin == nil ? try await options.accept(head) : nil
            do {
                try await offPool {
                    try bytes.withUnsafeBytes { try cache.keep(head: $0, root: head.root) }
                    if pin == nil { try cache.remember(root: head.root, ofAddress: address) }
                }
            } catch where (error as? Errno) == .noSpace || (error as? Errno) == .diskQuotaExceeded {
                options.onEvent(VolumeEvent(level: .warning, message: "The store \(store.directory) is full: what is fetched cannot be kept, and the next mount needs the network."))
            } catch {
                throw OpenError(kind: .disk, message: "Cannot write to the store \(store.directory): \(error).", hint: "Make room or choose another store with --store DIR.")
            }
            return OpenedPackage(head: head, store: store, cache: cache, source: source, options: options, notice: notice)
        } catch {
            if error.kind == .unreachable, pin == nil, let last = cache.root(ofAddress: address), let head = cache.head(root: last) {
                options.onEvent(VolumeEvent(level: .warning, message: "\(error.message) Going on with the release opened last, \(last)."))
                return OpenedPackage(head: head, store: store, cache: cache, source: source, options: options)
            }
            throw error
        }
    }

    /// Wrong bytes may have become wrong on the way: they are asked for again before they are blamed on the origin.
    private static func fetchHead(
        _ source: any RangeSource, pin: Digest?, _ options: OpenOptions
    ) async throws(OpenError) -> (PackageHead, [UInt8]) {
        for _ in 1..<headAttempts {
            do throws(OpenError) { return try await fetchHeadOnce(source, pin: pin, options) } catch {
                if error.kind == .unreachable { throw error }
                options.onEvent(VolumeEvent(level: .warning, message: "\(error.message) Asking once more."))
            }
        }
        return try await fetchHeadOnce(source, pin: pin, options)
    }

    private static func fetchHeadOnce(_ source: any RangeSource, pin: Digest?, _ options: OpenOptions) async throws(OpenError) -> (PackageHead, [UInt8]) {
        var bytes = try await read(source, offset: 0, length: firstRequest, options)
        let needed = try explained(source) { () throws(PackageError) in try required(bytes) }
        if needed > UInt64(bytes.count), bytes.count == firstRequest, needed <= headLimit {
            bytes += try await read(source, offset: UInt64(bytes.count), length: Int(needed) - bytes.count, options)
        }
        let head = try explained(source) { () throws(PackageError) in try parse(bytes, pin) }
        return (head, Array(bytes.prefix(Int(needed))))
    }

    /// Says of a package error what it means for who opens the package.
    private static func explained<Value>(_ source: any RangeSource, _ body: () throws(PackageError) -> Value) throws(OpenError) -> Value {
        do throws(PackageError) { return try body() } catch {
            if case .wrongRoot = error {
                throw OpenError(
                    kind: .wrongRoot, message: "The package at \(source.name) is not the one that was asked for: \(error).",
                    hint: "If the publisher released a new version, use the address that he gives with it.")
            }
            throw OpenError(
                kind: .notAPackage, message: "What lies at \(source.name) cannot be used: \(error).",
                hint: "Check the address; it has to name an .incfs file made by 'incfs publish'.")
        }
    }

    private static func required(_ bytes: [UInt8]) throws(PackageError) -> UInt64 {
        let result = bytes.withUnsafeBytes { bytes -> Result<UInt64, PackageError> in
            do throws(PackageError) { return .success(try PackageHead.requiredLength(of: bytes)) } catch { return .failure(error) }
        }
        return try result.get()
    }

    private static func parse(_ bytes: [UInt8], _ pin: Digest?) throws(PackageError) -> PackageHead {
        let result = bytes.withUnsafeBytes { bytes -> Result<PackageHead, PackageError> in
            do throws(PackageError) { return .success(try PackageHead(parsing: bytes, expectedRoot: pin)) } catch { return .failure(error) }
        }
        return try result.get()
    }

    /// Tries for `openTimeout`, with a pause that doubles; final answers end it at once.
    static func read(_ source: any RangeSource, path: [UInt8] = [], offset: UInt64, length: Int, _ options: OpenOptions = OpenOptions()) async throws(OpenError) -> [UInt8] {
        let clock = ContinuousClock()
        let end = clock.now + openTimeout
        var pause: Duration = .milliseconds(200)
        while true {
            do throws(SourceError) { return try await source.readUpTo(path: path, offset: offset, length: length) } catch {
                if case .final = error.kind { throw OpenError(kind: .unreachable, message: error.message) }
                if error.kind == .untrusted { throw OpenError(kind: .untrusted, message: error.message) }
                if clock.now + pause >= end { throw OpenError(kind: .unreachable, message: error.message, hint: "Check the address and the network, then try again.") }
                options.onRetry(error.message)
            }
            do { try await Task.sleep(for: pause) } catch { throw OpenError(kind: .unreachable, message: "Cancelled.") }
            pause *= 2
        }
    }

    /// Fetches the index pages that are not here, without the loader: for looking at what is stored.
    public func loadIndex() async throws(OpenError) {
        for page in 0..<volume.index.pageCount where !volume.index.isInstalled(page) {
            let unit = LoadUnit(.indexPage, UInt64(page))
            let range = volume.index.pageRange(page)
            let bytes = try await Self.read(source, offset: range.offset, length: range.length)
            guard bytes.withUnsafeBytes({ volume.deliver(unit, $0, source: source.name) }) == .stored else {
                throw OpenError(
                    kind: .notAPackage, message: "Page \(page) of the index at \(source.name) does not match its digest.",
                    hint: "Fetch or publish the package again.")
            }
        }
    }

    /// Starts the loader and the completion of objects.
    public func start() {
        running.withLock { running in
            guard running.loader == nil else { return }
            let loader = self.loader
            running.loader = Task.detached { await loader.run() }
            let volume = self.volume
            running.completion = Thread(name: "completion") { volume.runCompletion() }
        }
        // Switching the fill on makes it look at everything again.
        if filling { volume.onBackgroundNeeded { [weak loader] in loader?.setFilling(true) } }
        volume.requestIndex()
    }

    /// Ends loader, completion and source. What is stored stays. Call once.
    public func stop() async {
        let (task, thread) = running.withLock { running in
            defer { running = (nil, nil) }
            return (running.loader, running.completion)
        }
        volume.requests.close()
        task?.cancel()
        await task?.value
        volume.stopCompletion()
        if let thread {
            await withCheckedContinuation { continuation in
                Thread(name: "join") { thread.join(); continuation.resume() }.detach()
            }
        }
        await source.shutdown()
    }
}
