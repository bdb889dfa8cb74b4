import BlockLoading
import ControlAPI
import IncrementalFS
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
        ended.update { $0 = true }
    }

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
        Thread(name: "fill") { [self] in
            fill.run()
            _ = try? store.commit()
            log.info("the fill of \(package.source.name) has ended, \(package.volume.isComplete ? "everything is there" : "before its end")")
            state.update { state in
                state.fills[package.root] = nil
                state.lastUse = .now
            }
        }.detach()
        return true
    }

    /// A mount takes over, or the daemon ends. Blocks.
    func endFill(of package: OpenedPackage) { state.withLock { $0.fills[package.root] }?.cancel() }
    func endFills() { for fill in state.withLock({ Array($0.fills.values) }) { fill.cancel() } }
}
