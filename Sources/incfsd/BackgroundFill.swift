import BlockLoading
import ControlAPI
import IncrementalFS
import Integrity
import LinuxSystem
import Synchronization

/// A package that is fetched to its end after its last unmount (`--keep-filling`).
final class BackgroundFill: Sendable {
    let package: OpenedPackage
    private let cancelled = Condition(false)
    private let ended = Condition(false)

    init(_ package: OpenedPackage) { self.package = package }

    var status: BackgroundFillStatus {
        let volume = package.volume, state = volume.status()
        return BackgroundFillStatus(
            name: volume.manifest.name, release: volume.manifest.release, root: package.root.description, blocksPresent: state.presentBlocks,
            blocksTotal: state.totalBlocks)
    }

    /// Waits until everything is there or `cancel` is called, and ends the package. Blocks.
    func run() {
        while !package.volume.isComplete, cancelled.wait(until: .now.adding(milliseconds: 500), { $0 ? true : nil }) == nil {}
        _ = try? onPool { await self.package.stop() }
    }

    /// Nothing is left to be done for it: who cancelled it may go on.
    func end() { ended.update { $0 = true } }

    /// Ends it; what was fetched stays. Returns when it has ended. Blocks.
    func cancel() {
        cancelled.update { $0 = true }
        ended.wait { $0 ? () : nil }
    }
}

extension Daemon {
    /// Goes on with the fill of a mount that is gone, where that was asked for. False if there is nothing to go on with.
    func keepFilling(_ mount: DaemonMount) -> Bool {
        let package = mount.mounted.package
        guard mount.configuration.request.keepFilling == true, package.filling, !package.volume.isComplete else { return false }
        let fill = BackgroundFill(package)
        let taken = state.update { state in
            let others = state.mounts.values.contains { $0 !== mount && $0.mounted.package.root == package.root }
            guard !state.stopping, !others, state.fills[package.root] == nil else { return false }
            state.fills[package.root] = fill
            return true
        }
        guard taken else { return false }
        log.info("\(mount.mountpoint): unmounted; its fill goes on")
        carryOut(fill)
        return true
    }

    /// On a thread of its own, to its end.
    private func carryOut(_ fill: BackgroundFill) {
        let package = fill.package
        Thread(name: "fill") { [self] in
            fill.run()
            _ = try? store.commit()
            log.info("the fill of \(package.source.name) has ended, \(package.volume.isComplete ? "everything is there" : "before its end")")
            let wanted = state.update { state in
                state.fills[package.root] = nil
                state.lastUse = .now
                return wants(package.root, state)
            }
            if !wanted { wishes?.forget(root: package.root.description) }
            fill.end()
        }.detach()
    }

    // MARK: Across a daemon's death

    private func wants(_ root: Digest, _ state: State) -> Bool {
        state.fills[root] != nil || state.mounts.values.contains { $0.mounted.package.root == root && $0.configuration.request.keepFilling == true }
    }

    func remember(_ wish: MountConfiguration) {
        do { try wishes?.remember(wish) } catch { log.warning("\(wish.request.mountpoint): its fill will not survive a death of this daemon after the unmount: \(error)") }
    }

    /// The mount has ended, and its fill does not go on.
    func forget(_ mount: DaemonMount) {
        guard mount.configuration.request.keepFilling == true else { return }
        let root = mount.mounted.package.root
        let others = state.withLock { state in
            state.fills[root] != nil
                || state.mounts.values.contains { $0 !== mount && $0.mounted.package.root == root && $0.configuration.request.keepFilling == true }
        }
        if !others { wishes?.forget(root: root.description) }
    }

    /// Goes on with what a daemon that died was fetching. Returns at once; the restored mounts are there already.
    func resumeFills() {
        guard let wishes else { return }
        for wish in wishes.all {
            guard !state.withLock({ $0.mounts.values.contains { $0.configuration.root == wish.root } }) else { continue }
            state.update { $0.requests += 1 }
            Thread(name: "resume") { [self] in
                do { try onPool { try await self.resume(wish) } } catch {
                    // It stays a wish, for the next daemon.
                    log.warning("the fill of \(PackageOrigin.display(address: wish.request.address)) cannot go on now: \(error)")
                }
                state.update { state in
                    state.requests -= 1
                    state.lastUse = .now
                }
            }.detach()
        }
    }

    private func resume(_ wish: MountConfiguration) async throws {
        try await opening {
            var request = wish.request
            request.root = wish.root
            request.fill = true
            let package = try await open(request)
            let fill = BackgroundFill(package)
            // Somebody may have mounted it meanwhile.
            let taken = state.update { state in
                guard !state.stopping, !wants(package.root, state) else { return false }
                state.fills[package.root] = fill
                return true
            }
            guard taken else { return await package.stop() }
            package.start()
            log.notice("the fill of \(package.source.name) goes on after a restart")
            carryOut(fill)
        }
    }

    /// A mount takes over, or the daemon ends. Blocks.
    func endFill(of package: OpenedPackage) { state.withLock { $0.fills[package.root] }?.cancel() }
    func endFills() { for fill in state.withLock({ Array($0.fills.values) }) { fill.cancel() } }
}
