import BlockLoading
import ControlAPI
import IncrementalFS
import LinuxSystem

/// Mounts that several use at the same place: each use hangs on a connection, and the last one that ends takes the mount with
/// it, however it ends. After a restart of the daemon the users come back by themselves; a mount to which nobody
/// has come back in time is given up.
extension Daemon {
    /// How long a shared mount of an earlier daemon waits for its users, who try four times a second.
    private static let returnMilliseconds: UInt64 = 15_000

    private enum Place {
        case joined(DaemonMount)
        /// Reserved for the caller.
        case free(String)
        case taken
    }

    func mountShared(_ request: ControlAPI.MountRequest, peer: ControlPeer, progress: @escaping ProgressReporter) async throws -> MountReport {
        try await using { try await opening {
            let package = try await open(request, explaining: progress)
            do {
                try await offPool { self.endFill(of: package) }
                let root = package.root.description
                // The same path for every release, so that what programs remember by path stays good; a second release at the same time lies beside it.
                let places = [request.mountpoint, request.mountpoint + "-" + root.prefix(12)]
                switch try await offPool({ self.state.wait { state in self.place(places, root, &state) } }) {
                case .joined(let mount):
                    await package.stop()
                    uses(mount, request.layer)
                    return report(mount, notice: package.notice)
                case .free(let place):
                    defer { state.update { _ = $0.reserved.remove(place) } }
                    var request = request
                    request.mountpoint = place
                    return try await mount(package, request, peer)
                case .taken, nil:
                    throw ControlError(
                        .mountpointBusy, "Something else is mounted at \(places[0]) and at \(places[1]).", hint: "Unmount one of them with 'incfs unmount'.")
                }
            } catch {
                await package.stop()
                throw error
            }
        } }
    }

    private func mount(_ package: OpenedPackage, _ request: ControlAPI.MountRequest, _ peer: ControlPeer) async throws -> MountReport {
        try Task.checkCancellation()
        do { try SystemCalls.makeDirectories(FilePath(request.mountpoint), mode: 0o700) } catch {
            throw ControlError(.mountpointUnusable, "Cannot make the directory \(request.mountpoint) to mount at: \(error).", errno: error.rawValue)
        }
        let mount = try await offPool {
            let mount = try self.attach(package, request, peer)
            self.state.update { $0.users[mount.kept.identity.id] = 1 }
            return mount
        }
        uses(mount, request.layer)
        if Task.isCancelled {
            try await end(mount, .lazy)
            throw CancellationError()
        }
        return report(mount, notice: package.notice)
    }

    /// Decides with the state's lock held; nil: somebody mounts or unmounts there, look again when the state has changed.
    private func place(_ places: [String], _ root: String, _ state: inout State) -> Place? {
        for place in places {
            if state.reserved.contains(place) { return nil }
            guard let mount = state.mounts.values.first(where: { $0.mountpoint == place }) else {
                state.reserved.insert(place)
                return .free(place)
            }
            guard mount.configuration.request.shared, mount.configuration.root == root else { continue }
            let id = mount.kept.identity.id
            let users = state.users[id] ?? 0
            // The last has just left it, and it is being unmounted.
            guard users > 0 || state.orphans.contains(id) else { return nil }
            state.orphans.remove(id)
            state.users[id] = users + 1
            return .joined(mount)
        }
        return .taken
    }

    private func uses(_ mount: DaemonMount, _ layer: String?) {
        guard let layer else { return }
        state.update { $0.layers[mount.kept.identity.id, default: []].append(layer) }
    }

    /// Gives one use back; unmounts with the last.
    func release(_ number: UInt64, _ layer: String?) async throws {
        let last = state.update { state -> DaemonMount? in
            guard let mount = state.mounts[number] else { return nil }
            if let layer, let index = state.layers[number]?.firstIndex(of: layer) { state.layers[number]?.remove(at: index) }
            let left = (state.users[number] ?? 1) - 1
            state.users[number] = left
            return left <= 0 ? mount : nil
        }
        guard let last else { return }
        do { try await end(last, .normal) } catch let error as ControlError where error.code == .mountpointBusy {
            // A program left others behind, which go on with what they have open.
            try await end(last, .lazy)
        }
    }

    /// A mount of an earlier daemon: its users reconnect, or are gone.
    func awaitUsers(of mount: DaemonMount) {
        let id = mount.kept.identity.id
        state.update { _ = $0.orphans.insert(id) }
        Thread(name: "orphan") { [self] in
            let deadline = MonotonicTime.now.adding(milliseconds: Self.returnMilliseconds)
            _ = state.wait(until: deadline) { $0.orphans.contains(id) && !$0.stopping ? nil : () }
            guard state.withLock({ $0.orphans.remove(id) != nil }) else { return }
            log.notice("\(mount.mountpoint): nobody uses it any more")
            _ = try? onPool { try await self.end(mount, .lazy) }
        }.detach()
    }
}
