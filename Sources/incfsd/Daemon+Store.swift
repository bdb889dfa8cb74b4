import BlockLoading
import BlockStore
import ControlAPI
import IncrementalFS
import Integrity
import LinuxSystem

/// What the store holds, and taking things out of it.
extension Daemon {
    /// Opens a package, or reads one that is not mounted, while nothing is removed from the store.
    func opening<Value>(_ body: () async throws -> Value) async throws -> Value {
        try await offPool {
            self.state.wait { state -> Void? in
                guard !state.removing else { return nil }
                state.opening += 1
                return ()
            }
        }
        defer { state.update { $0.opening -= 1 } }
        return try await body()
    }

    func storeList() async throws -> StoreReport { try await using { try await offPool { try self.report(contents: try self.store.contents()) } } }

    func storeRemove(_ request: StoreRemoveRequest) async throws -> StoreRemoveReport {
        try await using { try await offPool { request.written ? try self.removeLayers(request.names) : try self.removing { try self.remove(request) } } }
    }

    /// How long a removal waits for what is being opened or read.
    private static let removalPatience: UInt64 = 10_000

    /// Runs `body` while no package is being opened. Blocks.
    private func removing<Value>(_ body: () throws -> Value) throws -> Value {
        let begun: Void? = state.wait(until: .now.adding(milliseconds: Self.removalPatience)) { state -> Void? in
            guard !state.removing, state.opening == 0 else { return nil }
            state.removing = true
            return ()
        }
        guard begun != nil else {
            throw ControlError(.busy, "A package of the store is being opened or fetched: nothing is removed meanwhile.", hint: "Try again when that has ended ('incfs status', or the fetch).")
        }
        defer { state.update { $0.removing = false } }
        return try body()
    }

    private func report(contents: [Digest: StoredContent]) throws -> StoreReport {
        let cache = PackageCache(store: store.directory)
        let (mounts, fills) = state.withLock { (Array($0.mounts.values), Set($0.fills.keys)) }
        var packages: [StoredPackage] = []
        for root in cache.roots() {
            guard let head = cache.head(root: root) else { continue }
            let index = cache.index(root: root, head: head)
            let needed = Set(index.contents)
            let stored = needed.compactMap { contents[$0] }
            // An object without content has no file.
            let whole = index.installedCount == index.pageCount
                && (0..<Int(index.layout.objects)).allSatisfy { number in
                    guard let record = try? index.object(number) else { return false }
                    return record.size == 0 || contents[record.digest]?.isComplete == true
                }
            packages.append(StoredPackage(
                name: head.manifest.name, release: head.manifest.release, root: root.description, bytes: head.manifest.bytes,
                bytesStored: stored.reduce(0) { $0 + $1.bytes }, complete: whole, lastUse: cache.lastUse(root: root),
                mountpoints: mounts.filter { $0.configuration.root == root.description }.map(\.mountpoint).sorted(), filling: fills.contains(root)))
        }
        packages.sort { ($0.name, $1.lastUse, $0.root) < ($1.name, $0.lastUse, $1.root) }
        let space = try store.freeSpace()
        return StoreReport(
            store: store.directory.string, packages: packages, layers: LayerDirectory.all(inStore: store.directory).map { StoredLayer($0) }, bytesStored: contents.values.reduce(0) { $0 + $1.bytes }, bytesFree: space.free, bytesTotal: space.total)
    }

    /// All of them, or none where one is in use.
    private func removeLayers(_ names: [String]) throws -> StoreRemoveReport {
        let all = LayerDirectory.all(inStore: store.directory)
        var chosen: [LayerDirectory] = []
        for name in names {
            // A hash of eight digits stands behind the package's own name.
            let found = all.filter { $0.name == name || $0.name.dropLast(9) == name }
            if found.isEmpty { throw ControlError(.usage, "Nothing was written over a package “\(name)” in the store \(store.directory).", hint: "See what was with: incfs store list") }
            chosen += found.filter { layer in !chosen.contains { $0.path == layer.path } }
        }
        let reports = chosen.map { StoredLayer($0) }
        func used(_ layer: StoredLayer) -> ControlError {
            ControlError(.mountpointBusy, "A program or a mount writes to \(layer.directory) now; it was not removed.", hint: "End it first ('incfs status' shows mounts).")
        }
        if let layer = reports.first(where: \.used) { throw used(layer) }
        for (layer, report) in zip(chosen, reports) {
            do { if !(try layer.remove()) { throw used(report) } } catch let error as ControlError { throw error } catch {
                throw ControlError(.disk, "Cannot remove \(layer.path): \(error).", hint: "Look at its disk and its permissions.", errno: (error as? Errno)?.rawValue)
            }
            log.notice("removed what was written in \(layer.path), \(report.bytes) bytes")
        }
        return StoreRemoveReport(packages: [], layers: reports, bytesFreed: reports.reduce(0) { $0 + $1.bytes })
    }

    private func remove(_ request: StoreRemoveRequest) throws -> StoreRemoveReport {
        // What waits for its commit counts as open.
        _ = try? store.commit()
        let cache = PackageCache(store: store.directory)
        let all = try report(contents: try store.contents()).packages
        var chosen = request.unused ? all.filter { $0.mountpoints.isEmpty && !$0.filling } : []
        for name in request.names {
            let found = all.filter { $0.name == name || (name.count >= 8 && $0.root.hasPrefix(name.lowercased())) }
            if found.isEmpty { throw ControlError(.usage, "The store \(store.directory) has no package “\(name)”.", hint: "See what it has with: incfs store list") }
            if let used = found.first(where: { !$0.mountpoints.isEmpty }) {
                throw ControlError(
                    .mountpointBusy, "\(used.name) \(used.release) is mounted at \(used.mountpoints[0]); nothing was removed.", hint: "Unmount it first: incfs unmount '\(used.mountpoints[0])'")
            }
            chosen += found.filter { package in !chosen.contains { $0.root == package.root } }
        }
        for package in chosen {
            guard let root = Digest(hex: package.root) else { continue }
            state.withLock { $0.fills[root] }?.cancel()
            do { try cache.remove(root: root) } catch {
                throw ControlError(.disk, "Cannot remove \(package.name) from the store \(store.directory): \(error).", hint: "Look at its disk and its permissions.", errno: error.rawValue)
            }
        }
        // What the others need: by their kept index, and by that of running mounts, whose pages may not have been kept.
        let open = state.withLock { state in state.mounts.values.map(\.mounted.package) + state.fills.values.map(\.package) }
        cache.removeRemains(except: Set(open.map(\.root)))
        var needed = Set(open.flatMap(\.volume.index.contents))
        for root in cache.roots() { if let head = cache.head(root: root) { needed.formUnion(cache.index(root: root, head: head).contents) } }
        let freed = try store.remove(allBut: needed)
        log.notice("removed \(chosen.count) packages from the store, \(freed) bytes")
        return StoreRemoveReport(packages: chosen, bytesFreed: freed)
    }
}
