import Integrity
import LinuxSystem

/// What a store has of one content.
public struct StoredContent: Sendable {
    /// On disk.
    public var bytes: UInt64 = 0
    public var isComplete = false
}

extension PlainStore {
    /// Everything that is stored, by content. Reads directories and file sizes only.
    public func contents() throws(StoreError) -> [Digest: StoredContent] {
        var result: [Digest: StoredContent] = [:]
        for (id, place) in core.slabs.places {
            result[id, default: StoredContent()].bytes += place.size
            result[id]!.isComplete = true
        }
        try forEachFile { id, path, kind in
            guard let status = try? SystemCalls.status(of: path, followSymbolicLinks: false) else { return }
            result[id, default: StoredContent()].bytes += status.blocks * 512
            if kind == .whole { result[id]!.isComplete = true }
        }
        return result
    }

    /// Removes every content that is neither in `needed` nor open, and what is left of incomplete files of contents that are complete by
    /// another description. Returns the bytes on disk that became free.
    ///
    /// May be killed at any moment: what is left then is found by the next call. Small objects go when their whole slab is free.
    public func remove(allBut needed: Set<Digest>) throws(StoreError) -> UInt64 {
        var freed = try core.slabs.remove { [core] in !needed.contains($0) && !core.isOpen($0) }
        var unneeded: [Digest: [FilePath]] = [:], incomplete: [Digest: [FilePath]] = [:]
        var complete: Set<Digest> = []
        try forEachFile { id, path, kind in
            if !needed.contains(id) { return unneeded[id, default: []].append(path) }
            switch kind {
            case .whole: complete.insert(id)
            case .leaves: break
            case .incomplete: incomplete[id, default: []].append(path)
            }
        }
        for (id, paths) in incomplete where complete.contains(id) { unneeded[id] = paths }
        for (id, paths) in unneeded { freed += core.removeUnlessOpen(id, paths) }
        return freed
    }

    private enum FileKind {
        /// The content of a complete object.
        case whole
        /// What lies beside it.
        case leaves
        /// The content of an incomplete one, or its state.
        case incomplete
    }

    /// Calls `body` with every file of an object.
    private func forEachFile(_ body: (Digest, FilePath, FileKind) -> Void) throws(StoreError) {
        for (top, isComplete) in [(core.layout.objects, true), (core.layout.partial, false)] {
            for directory in try names(in: top) {
                let place = top.appending(bytes: directory)
                guard directory.count == 2, (try? SystemCalls.status(of: place, followSymbolicLinks: false))?.kind == .directory else { continue }
                for name in try names(in: place) {
                    guard name.count >= 64, let id = Digest(hex: String(decoding: name.prefix(64), as: UTF8.self)) else { continue }
                    body(id, place.appending(bytes: name), !isComplete ? .incomplete : name.count == 64 ? .whole : .leaves)
                }
            }
        }
    }

    private func names(in path: FilePath) throws(StoreError) -> [[UInt8]] {
        try StoreError.wrap(path, "cannot list what is stored") { () throws(Errno) in try SystemCalls.list(path) }
    }
}
