import BlockStore
import LinuxSystem
import PackageFormat

/// What a present-path read gives.
public enum ReadOutcome: Sendable {
    /// So many bytes are in the buffer (0 at and past the end of the file).
    case bytes(Int)
    /// Not all of it is here.
    case missing
    case failed(Errno)
}

extension PackageVolume {
    /// Reads `node` at `offset` into `buffer` if every byte is present. Allocates nothing and waits for nobody when it is.
    ///
    /// `EIO`: the object cannot be opened or the disk fails in a way that fetching again does not mend.
    public func read(node: TreeNode, at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) -> ReadOutcome {
        guard offset < node.size, !buffer.isEmpty else { return .bytes(0) }
        guard let number = node.objectNumber else { return .failed(.ioError) }
        let end = min(offset &+ UInt64(buffer.count), node.size)
        let object: VolumeObject
        switch resolve(number) {
        case .ready(let found): object = found
        case .waiting: return .missing
        case .failed(let error): return .failed(error)
        }
        if !objectTouched[Int(number)], objectTouched.set(Int(number)) { statistics.touchedFiles.add(1, ordering: .relaxed) }
        guard object.stored.isPresent(bytes: offset..<end) else {
            return readUnstored(object, offset..<end, into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<Int(end - offset)])) ?? .missing
        }
        if !objectComplete[Int(number)], let ahead = object.readAhead(at: offset..<end), !object.stored.isPresent(bytes: ahead) {
            request(object, ahead, priority: .readahead)
        }
        // What has just come is read out of memory, the rest from the store.
        let taken = arrived.take(offset..<end, of: number, into: buffer)
        if taken == Int(end - offset) { return .bytes(taken) }
        let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[taken..<Int(end - offset)])
        switch object.stored.read(into: rest, at: offset + UInt64(taken)) {
        case .bytes(let count): return .bytes(taken + count)
        case .missing:
            vanished(object)
            return .missing
        case .corrupt(let blocks):
            lost(blocks, of: object)
            return .missing
        case .failed(let error):
            failed(Array(path(ofObject: number).utf8), offset, thread: 0, error, "the store cannot be read")
            report(.error, "cannot read \(path(ofObject: number)) from the store at byte \(offset): \(error)")
            return .failed(error)
        }
    }

    /// A multi-page buffered READ with blocks missing. True: refuse it with EAGAIN (the kernel drops it silently and asks page
    /// by page); its missing chunks have been asked for. False: it is demand in disguise; park it.
    public func refuseReadahead(node: TreeNode, number: UInt32, processID: UInt32, offset: UInt64, size: UInt32) -> Bool {
        let repeated = refused.withLock {
            $0.isRepeated(processID: processID, node: number, offset: offset, size: size, now: .now)
        }
        if repeated { return false }
        statistics.refusedWindows.add(1, ordering: .relaxed)
        guard let object = node.objectNumber, offset < node.size else { return true }
        let range = offset..<min(offset &+ UInt64(size), node.size)
        walks(node: number, range)
        switch resolve(object) {
        case .ready(let found):
            request(found, range, priority: .readahead)
        case .waiting(let units): requests.push(contentsOf: units.map { LoadRequest(unit: $0, priority: .readahead) })
        case .failed: break
        }
        return true
    }

    /// A single-page READ: the page-by-page walk after a refused window is under way.
    public func sawSinglePage(processID: UInt32) { refused.withLock { $0.sawSinglePage(processID: processID) } }

    /// The kernel will ask for the pages of `range` one by one.
    public func walks(node: UInt32, _ range: Range<UInt64>) {
        guard !range.isEmpty else { return }
        walked.withLock { walked in
            walked.refused(node: node, range, now: .now)
            walkedCount.store(walked.count, ordering: .relaxed)
        }
    }

    /// The end of the refused window that a single-page READ at `offset` walks through, once for each window: the rest of it
    /// is worth a push. One atomic load if no window was refused lately.
    public func takeWalkedWindow(node: UInt32, at offset: UInt64) -> UInt64? {
        guard walkedCount.load(ordering: .relaxed) != 0 else { return nil }
        return walked.withLock { walked in
            defer { walkedCount.store(walked.count, ordering: .relaxed) }
            return walked.take(node: node, at: offset, now: .now)
        }
    }

    /// Asks for the chunks of `range` that are not here.
    func request(_ object: VolumeObject, _ range: Range<UInt64>, priority: LoadPriority) {
        let units = object.chunks(in: range).map { LoadUnit(.chunk, $0) }.filter { !isPresent($0) }
        if priority == .readahead { expect(units) }
        requests.push(contentsOf: units.map { LoadRequest(unit: $0, priority: priority) })
    }

    /// Declares that all of the node will be waited for (`incfs prefetch`, `wait --path`). False: only its index pages were asked
    /// for, because nobody knows yet what it consists of: declare it again when they are there.
    @discardableResult
    public func prefetch(node: TreeNode) -> Bool {
        guard let number = node.objectNumber else { return true }
        switch resolve(number) {
        case .ready(let object):
            request(object, 0..<object.size, priority: .declared)
            return true
        case .waiting(let units):
            requests.push(contentsOf: units.map { LoadRequest(unit: $0, priority: .declared) })
            return false
        case .failed: return true
        }
    }

    /// Whether every byte of the node is here; an error that is final counts as an answer too.
    public func isPresent(node: TreeNode) -> Result<Bool, Errno> {
        guard let number = node.objectNumber else { return .success(true) }
        switch resolve(number) {
        case .ready(let object): return .success(object.stored.isPresent(bytes: 0..<object.size))
        case .waiting: return .success(false)
        case .failed(let error): return .failure(error)
        }
    }

    /// The final answer that a missing part of the node has had since `start`, after which it was asked for (`prefetch`). Nil: what is missing may
    /// yet come.
    public func finalFailure(node: TreeNode, since start: MonotonicTime) -> (error: Errno, reason: String)? {
        guard !finalFailures.withLock({ $0.isEmpty }), let number = node.objectNumber else { return nil }
        let units: [LoadUnit] = switch resolve(number) {
        case .ready(let object): object.chunks(in: 0..<object.size).map { LoadUnit(.chunk, $0) }.filter { !isPresent($0) }
        case .waiting(let units): units
        case .failed: []
        }
        return finalFailures.withLock { $0.answer(for: units, since: start) }.map { ($0.errno, $0.reason) }
    }

    /// The node's content as a file of the store, to be cloned; nil unless it is complete and has one of its own.
    public func completeFile(of node: TreeNode) -> OwnedDescriptor? {
        guard let number = node.objectNumber, case .ready(let object) = resolve(number) else { return nil }
        return try? object.stored.openCompleteFile()
    }

    /// Asks for every index page that is not here: without them a first touch costs a second round trip.
    public func requestIndex() {
        requests.push(contentsOf: (0..<index.pageCount).filter { !index.isInstalled($0) }.map {
            LoadRequest(unit: LoadUnit(.indexPage, UInt64($0)), priority: .declared)
        })
    }

    /// lseek(2) with `SEEK_DATA` (3) or `SEEK_HOLE` (4): holes are those of the published file; a missing block is data.
    /// Nil: the index page that knows is not here (it has been asked for): park and ask again.
    ///
    /// Errors: `ENXIO` past the end, or no data behind `offset`.
    public func seek(node: TreeNode, from offset: UInt64, whence: UInt32) -> Result<UInt64, Errno>? {
        guard offset < node.size else { return .failure(.noSuchAddressOrDevice) }
        guard node.dataBytes < node.size, let number = node.objectNumber else { return .success(whence == 3 ? offset : node.size) }
        switch resolve(number) {
        case .failed(let error): return .failure(error)
        case .waiting: return nil
        case .ready(let object):
            var i = object.extentIndex(endingAfter: offset)
            if whence == 3 {
                guard i < object.extents.count else { return .failure(.noSuchAddressOrDevice) }
                return .success(max(offset, object.extents[i].fileOffset))
            }
            var position = offset
            while i < object.extents.count, object.extents[i].fileOffset <= position {
                position = object.extents[i].fileEnd
                i += 1
            }
            return .success(min(position, node.size))
        }
    }
}

extension PackageVolume {
    /// The node at `path` (raw bytes, `/` between components, leading and trailing ones ignored); nil if there is none.
    public func node(atPath path: [UInt8]) -> Int? {
        var node = 0
        for component in path.split(separator: UInt8(ascii: "/")) {
            guard let next = component.withUnsafeBytes({ tree.lookup(directory: node, name: $0) }) else { return nil }
            node = next
        }
        return node
    }

    /// The regular files at and below `number`, in the order of the tree.
    public func files(below number: Int) -> [Int] {
        switch tree.node(number).kind {
        case .regular: return [number]
        case .symbolicLink: return []
        case .directory: return tree.entries(of: number).flatMap { files(below: tree.entry($0).node) }
        }
    }
}
