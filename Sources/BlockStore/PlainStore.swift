import Integrity
import LinuxSystem
import Synchronization

/// The content-addressed store of delivered packages: a directory of objects named by content digest (`StoreLayout`).
///
/// Callable from any thread; every call may block on the disk. One process at a time works on a directory: whoever opens
/// the store has made sure of that (the store's lock is not taken here). Nothing of it is ever mapped into memory, so that
/// a disk error is an `Errno` and not a signal.
public final class PlainStore: Sendable {
    let core: StoreCore
    /// One commit at a time.
    private let committing = Mutex(())

    /// Opens the store in `directory`, creating it with mode 0700, and reads the list of small objects.
    /// - Throws: `StoreError` of cause `.system` where a directory or the list cannot be made or read. Damage never throws:
    ///   what is damaged is missing.
    public init(directory: FilePath, options: StoreOptions = .init()) throws(StoreError) {
        core = try StoreCore(directory: directory, options: options)
    }

    deinit { discardUncommitted() }

    /// Lets go of the objects that wait for a commit, without one: what is left then is what a killed process leaves.
    func discardUncommitted() { _ = core.takeDirty() }

    /// What has happened since the store was opened.
    public var events: StoreEvents { core.events }

    /// The store's directory.
    public var directory: FilePath { core.layout.root }

    /// The object named `id`: the same instance while anybody holds it. Nothing is created before the first `fill`.
    ///
    /// An object that is complete proves its name, and all share it. One that is not consists of blocks that were verified
    /// against what some package says about them, and a package can lie about content that is not its own. So incomplete
    /// objects are shared by those alone that describe the blocks in the same way: then the same bytes pass for all of them.
    ///
    /// - Parameters:
    ///   - description: a digest of everything that decides which bytes the caller's blocks are; `.zero` when all callers of
    ///     this store take their blocks from one source.
    ///   - size: its length in bytes. A name stands for one size only.
    ///   - holes: ranges of bytes that are known to be zero. Blocks wholly inside of one are present from the start.
    /// - Throws: `.wrongSize` (`EINVAL`) when the object is known under another size, or is larger than 16 TiB; `.system`
    ///   when its files cannot be read.
    public func object(
        _ id: Digest, describedBy description: Digest = .zero, size: UInt64, holes: [Range<UInt64>] = []
    ) throws(StoreError) -> StoredObject {
        guard size <= StoreOptions.maximumObjectSize else {
            throw StoreError(.wrongSize, .invalidArgument, core.layout.paths(id, description).data, "an object of \(size) bytes is larger than this store takes")
        }
        let object = core.instance(id, description, size: size)
        guard object.size == size else {
            throw StoreError(.wrongSize, .invalidArgument, core.layout.paths(id, description).data, "the object is in use with \(object.size) bytes, not \(size)")
        }
        do {
            try object.open(holes: holes)
        } catch {
            core.forget(id, serial: object.serial)
            throw error
        }
        return object
    }

    /// The directory of what belongs to the package with `root`, created with mode 0700: `STORE/packages/<hex>`.
    public func packageDirectory(root: Digest) throws(StoreError) -> FilePath {
        let path = core.layout.packages.appending(root.description)
        try StoreError.wrap(path, "cannot create a package's directory") { () throws(Errno) in try SystemCalls.makeDirectories(path) }
        return path
    }

    /// Group commit: makes everything durable that was filled before the call. Costs next to nothing when there is nothing.
    /// Meant to be called about once a second from one thread of the daemon.
    ///
    /// - Throws: the first failure, after every object had its turn. Blocks whose data the disk refused (`EIO`, `ENOSPC`)
    ///   are missing again.
    public func commit() throws(StoreError) {
        try committing.withLock { _ throws(StoreError) in
            var first: StoreError?
            var worked = false
            do throws(StoreError) { worked = try core.slabs.commit() } catch { first = error }
            for object in core.takeDirty() {
                worked = true
                do throws(StoreError) { try object.commit() } catch {
                    core.events.failedCommits.add()
                    first = first ?? error
                }
            }
            if worked { core.events.commits.add() }
            if let first { throw first }
        }
    }

    /// Bytes that can still be written on the store's file system, and its size (statvfs(3)).
    public func freeSpace() throws(StoreError) -> (free: UInt64, total: UInt64) {
        try StoreError.wrap(core.layout.root, "cannot tell the free space of the store") { () throws(Errno) in
            try SystemCalls.space(at: core.layout.root)
        }
    }
}
