import Glibc
import LinuxSystem
import PackageFormat
import VolumeCore

/// Makes an ordinary directory of a package: what `incfs fetch` does.
///
/// Everything is written into a directory beside the final one, `.NAME.incfs-fetch`, which only its owner may enter, and renamed when
/// it is whole and on disk: under the final name there is all or nothing. Every block is checked as it is for a mount. A file
/// shares its blocks with the store where the file system can do that (`FICLONE`), else it is copied; it is never another
/// name for the store's own file. What an earlier, interrupted run has left there is removed first: what it had fetched is in the store.
///
/// Set-user-id and set-group-id bits are left out: nobody gets a program of root's from a package.
/// Blocks; never on the cooperative pool.
public final class PackageExtraction {
    /// Bytes copied at a time.
    private static let step = 1 << 20
    /// `SEEK_DATA` and `SEEK_HOLE` of lseek(2).
    private static let (seekData, seekHole): (CInt, CInt) = (3, 4)

    private let package: OpenedPackage
    private let reader: PackageReader
    private let final: FilePath
    private let staging: FilePath
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: PackageExtraction.step, alignment: 4096)
    /// Where the first name of a file with several lies.
    private var linked: [Int: [UInt8]] = [:]
    /// Until the file system has said no.
    private var canClone = true
    /// Files that share their blocks with the store.
    public private(set) var filesCloned: UInt64 = 0

    /// - Parameter directory: an absolute path, of nothing or of an empty directory.
    public init(_ package: OpenedPackage, reader: PackageReader, directory: FilePath) {
        self.package = package
        self.reader = reader
        final = directory
        staging = directory.removingLastComponent().appending(bytes: Array(".".utf8) + Self.name(of: directory) + Array(".incfs-fetch".utf8))
    }

    deinit { buffer.deallocate() }

    private static func name(of path: FilePath) -> [UInt8] {
        path.lastComponent.map { component in component.withPlatformString { Array(UnsafeRawBufferPointer(start: $0, count: strlen($0))) } } ?? []
    }

    /// - Parameter cancelled: looked at between files and parts of them.
    public func run(cancelled: () -> Bool) throws(ExtractionError) {
        try Self.checkPlace(final)
        let root = try place { () throws(Errno) in
            try SystemCalls.makeDirectory(staging, mode: 0o700, existingIsFine: true)
            return try SystemCalls.open(staging, flags: O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
        }
        guard (try? SystemCalls.tryLock(root.rawValue)) == true, (try? SystemCalls.status(of: root.rawValue))?.uid == geteuid() else {
            throw ExtractionError(.place, "Somebody else is fetching to \(final): \(staging) is in use.", hint: "Wait for that, or name another directory.")
        }
        do {
            try place { () throws(Errno) in
                try SystemCalls.setMode(root.rawValue, 0o700)
                try SystemCalls.removeContents(of: root.rawValue)
            }
            try fill(root.rawValue, node: 0, path: [], top: root.rawValue, cancelled)
            try disk(final) { () throws(Errno) in
                try finish(root.rawValue, package.volume.tree.node(0))
                try SystemCalls.syncFileSystem(root.rawValue)
            }
            try place { () throws(Errno) in
                // rename(2) takes the place of an empty directory, and of nothing else.
                try SystemCalls.rename(staging, to: final)
                try SystemCalls.syncDirectory(final.removingLastComponent())
            }
        } catch {
            _ = try? SystemCalls.setMode(root.rawValue, 0o700)
            _ = try? SystemCalls.removeContents(of: root.rawValue)
            _ = try? SystemCalls.removeDirectory(staging)
            throw error
        }
    }

    /// Says at once, before anything is fetched, that a directory cannot become a package.
    public static func checkPlace(_ directory: FilePath) throws(ExtractionError) {
        let parent = directory.removingLastComponent()
        guard !name(of: directory).isEmpty else { throw ExtractionError(.place, "\(directory) cannot be made.", hint: "Name a directory below it.") }
        do {
            let status = try SystemCalls.status(of: directory, followSymbolicLinks: false)
            guard status.kind == .directory else { throw ExtractionError(.place, "\(directory) exists and is no directory.", hint: "Name another one.") }
            guard try SystemCalls.list(directory).isEmpty else {
                throw ExtractionError(.place, "\(directory) is not empty; nothing was changed in it.", hint: "Name a directory that does not exist yet.")
            }
            guard try SystemCalls.status(of: parent).device == status.device else {
                throw ExtractionError(.place, "\(directory) is a mount point, which cannot be put in place as a whole.", hint: "Name a directory below it, e.g. \(directory)/package.")
            }
        } catch let error as ExtractionError { throw error } catch {
            guard let error = error as? Errno else { return }
            if error != .noSuchFileOrDirectory { throw ExtractionError(.place, "Cannot use \(directory): \(error).", errno: error) }
            guard (try? SystemCalls.status(of: parent))?.kind == .directory else {
                throw ExtractionError(.place, "There is no directory \(parent).", hint: "Make it first: mkdir -p '\(parent)'", errno: error)
            }
        }
    }

    // MARK: The tree

    private func fill(_ directory: CInt, node number: Int, path: [UInt8], top: CInt, _ cancelled: () -> Bool) throws(ExtractionError) {
        let tree = package.volume.tree
        for i in tree.entries(of: number) {
            if cancelled() { throw ExtractionError(.cancelled, "Interrupted.") }
            let (raw, child) = tree.entry(i)
            let name = Array(raw)
            let inner = path + (path.isEmpty ? [] : [UInt8(ascii: "/")]) + name
            let node = tree.node(child)
            let shown = FilePath(String(decoding: inner, as: UTF8.self))
            if node.kind != .directory, node.linkCount > 1 {
                if let first = linked[child] {
                    try disk(shown) { () throws(Errno) in try SystemCalls.link(first, from: top, to: name, in: directory) }
                    continue
                }
                linked[child] = inner
            }
            switch node.kind {
            case .directory:
                let made = try disk(shown) { () throws(Errno) in
                    try SystemCalls.makeDirectory(name, in: directory, mode: 0o700)
                    return try SystemCalls.open(name: name, in: directory, flags: O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
                }
                try fill(made.rawValue, node: child, path: inner, top: top, cancelled)
                try disk(shown) { () throws(Errno) in try finish(made.rawValue, node) }
            case .symbolicLink:
                let target = Array(tree.linkTarget(of: child))
                try disk(shown) { () throws(Errno) in
                    try SystemCalls.makeSymbolicLink(name, in: directory, target: target)
                    try SystemCalls.setTime(name, in: directory, seconds: node.modifiedSeconds, nanoseconds: node.modifiedNanoseconds)
                }
            case .regular:
                let file = try disk(shown) { () throws(Errno) in try SystemCalls.open(name: name, in: directory, flags: O_RDWR | O_CREAT | O_EXCL, mode: 0o600) }
                try write(file.rawValue, child, node, shown, cancelled)
                try disk(shown) { () throws(Errno) in try finish(file.rawValue, node) }
            }
        }
    }

    private func finish(_ descriptor: CInt, _ node: TreeNode) throws(Errno) {
        try SystemCalls.setMode(descriptor, UInt32(node.mode) & 0o1777)
        try SystemCalls.setTime(descriptor, seconds: node.modifiedSeconds, nanoseconds: node.modifiedNanoseconds)
    }

    // MARK: Content

    private func write(_ file: CInt, _ number: Int, _ node: TreeNode, _ shown: FilePath, _ cancelled: () -> Bool) throws(ExtractionError) {
        guard node.size > 0 else { return }
        if canClone, package.volume.completeFile(of: node) != nil {
            // Read all the same, so that every block is checked, and mended, before it is shared.
            try readThrough(number, node, shown, cancelled) { (_, _) throws(ExtractionError) in }
            if try clone(to: file, node, shown) {
                filesCloned += 1
                return
            }
            canClone = false
        }
        try disk(shown) { () throws(Errno) in try SystemCalls.truncate(file, to: node.size) }
        try readThrough(number, node, shown, cancelled) { (bytes, offset) throws(ExtractionError) in
            try disk(shown) { () throws(Errno) in try SystemCalls.pwriteAll(file, bytes, at: offset) }
        }
    }

    /// Hands on all data of a file, and nothing of its holes.
    private func readThrough(
        _ number: Int, _ node: TreeNode, _ shown: FilePath, _ cancelled: () -> Bool, _ take: (UnsafeRawBufferPointer, UInt64) throws(ExtractionError) -> Void
    ) throws(ExtractionError) {
        var offset: UInt64 = 0
        while offset < node.size {
            if cancelled() { throw ExtractionError(.cancelled, "Interrupted.") }
            var wanted = min(UInt64(buffer.count), node.size - offset)
            if node.dataBytes < node.size {
                if let data = try seek(node, offset, Self.seekData, shown) { offset = data }
                guard offset < node.size else { return }
                // Nil: its index page is not here, and the read of a first block brings it.
                wanted = min(wanted, try seek(node, offset, Self.seekHole, shown).map { $0 - offset } ?? 4096, node.size - offset)
            }
            let part = UnsafeMutableRawBufferPointer(rebasing: buffer[..<Int(wanted)])
            let count: Int
            do throws(Errno) { count = try reader.read(node: number, at: offset, into: part) } catch {
                if error.rawValue == ECANCELED { throw ExtractionError(.cancelled, "Interrupted.") }
                throw ExtractionError(
                    .content, "\(shown) cannot be had: \(package.volume.status().lastError ?? "\(error)")",
                    hint: "What came is kept; run it again when that is mended.", errno: error)
            }
            guard count > 0 else { throw ExtractionError(.content, "\(shown) ends before its end.") }
            try take(UnsafeRawBufferPointer(rebasing: part[..<count]), offset)
            offset += UInt64(count)
        }
    }

    private func seek(_ node: TreeNode, _ offset: UInt64, _ whence: CInt, _ shown: FilePath) throws(ExtractionError) -> UInt64? {
        switch package.volume.seek(node: node, from: offset, whence: UInt32(whence)) {
        case .success(let position): return position
        // No data up to the end.
        case .failure(.noSuchAddressOrDevice): return node.size
        case .failure(let error): throw ExtractionError(.content, "\(shown) cannot be had: \(error).", errno: error)
        case nil: return nil
        }
    }

    private func clone(to file: CInt, _ node: TreeNode, _ shown: FilePath) throws(ExtractionError) -> Bool {
        guard let source = package.volume.completeFile(of: node) else { return false }
        return try disk(shown) { () throws(Errno) in try SystemCalls.clone(source.rawValue, to: file) }
    }

    // MARK: Errors

    private func disk<Value: ~Copyable>(_ what: FilePath, _ body: () throws(Errno) -> Value) throws(ExtractionError) -> Value {
        do throws(Errno) { return try body() } catch {
            let full = error == .noSpace || error.rawValue == EDQUOT
            throw ExtractionError(.disk, "Cannot write \(what) of \(final): \(error).", hint: full ? "Make room and run it again: what was fetched is kept in the store." : nil, errno: error)
        }
    }

    private func place<Value: ~Copyable>(_ body: () throws(Errno) -> Value) throws(ExtractionError) -> Value {
        do throws(Errno) { return try body() } catch {
            throw ExtractionError(.place, "Cannot make \(final): \(error).", hint: error == .directoryNotEmpty ? "Somebody has put something there meanwhile." : nil, errno: error)
        }
    }
}
