import BlockLoading
import BlockStore
import ControlAPI
import FUSESession
import IncrementalFS
import KeeperLink
import LinuxSystem
import Synchronization
import VolumeCore

/// One mount of the daemon, from the keeper's descriptors to the package.
final class DaemonMount: Sendable {
    let configuration: MountConfiguration
    let kept: KeptMount
    let mounted: MountedPackage
    /// Held while the mount lasts, where everybody may write over it.
    let layer: LayerLock?
    private let rate = Mutex(RateWindow())
    /// Set once the keeper has unmounted it for us: it has forgotten the mount by then.
    let unmounted = Atomic(false)
    /// Set by whoever ends the mount first.
    let ending = Atomic(false)

    init(configuration: MountConfiguration, kept: KeptMount, mounted: MountedPackage, layer: LayerLock?) {
        self.layer = layer
        self.configuration = configuration
        self.kept = kept
        self.mounted = mounted
    }

    var mountpoint: String { configuration.request.mountpoint }

    private static func roomNote(_ store: PlainStore) -> String {
        let space = (try? store.freeSpace()) ?? (free: 0, total: 0)
        let floor = PackageVolume.freeSpaceFloor(ofTotal: space.total)
        return "the disk of the store \(store.directory) is nearly full: \(space.free >> 20) MiB are free, and the fill leaves \(floor >> 20) MiB; "
            + "what programs read is still fetched. Make room, with 'incfs store remove --unused' for one."
    }

    /// The state of the mount for people and programs. May read the store's metadata when `files`; never on the pool.
    func status(files: Bool) -> MountStatus {
        let volume = mounted.package.volume
        let loader = mounted.package.loader.statistics
        let state = volume.status()
        var status = MountStatus(
            mountpoint: mountpoint, address: mounted.package.source.name, name: volume.manifest.name, release: volume.manifest.release,
            root: configuration.root)
        status.blocksPresent = state.presentBlocks
        status.blocksTotal = state.totalBlocks
        status.bytesFetched = loader.bytesFetched
        status.requests = loader.requests
        let (bytesPerSecond, blocksPerSecond) = rate.withLock { $0.add(bytes: loader.bytesFetched, blocks: state.presentBlocks, now: .now) }
        status.rateBytesPerSecond = bytesPerSecond
        if mounted.package.filling, blocksPerSecond > 0, state.totalBlocks > state.presentBlocks {
            status.secondsLeft = Double(state.totalBlocks - state.presentBlocks) / blocksPerSecond
        }
        status.readersWaiting = state.waits.count
        status.waits = state.waits.map { ReaderWait(path: WirePath(bytes: $0.path), block: $0.block, seconds: $0.seconds, pid: $0.processID) }
        status.waitReason = state.waitReason
        status.waitSecondsTotal = state.waitSeconds
        status.filesTouched = state.touchedFiles
        status.errors = ErrorCounts(
            corruptBlocks: state.corruptBlocks + state.corruptDeliveries, refetched: volume.store.events.refetchedBlocks.value + loader.corrupt,
            failedReads: state.failedReads)
        status.complete = state.isComplete
        status.lastError = state.lastError
        status.recentFailedReads = state.failed.map {
            FailedRead(number: $0.number, path: WirePath(bytes: $0.path), block: $0.block, errno: $0.error.rawValue, cause: $0.cause, processes: $0.processes)
        }
        status.lastFailedRead = status.recentFailedReads.last
        status.fillState = if state.isComplete {
            .complete
        } else if !mounted.package.filling {
            .off
        } else if loader.lacksRoom {
            .stopped
        } else if state.waitReason != nil {
            .waiting
        } else if loader.fillDone && loader.skipped > 0 {
            .stopped
        } else {
            .filling
        }
        if !configuration.request.shared, let layer = configuration.request.layer { status.layers = [layer] }
        if status.fillState == .stopped, loader.lacksRoom { status.fillNote = Self.roomNote(volume.store) }
        if files {
            status.files = volume.files().map {
                FileReport(
                    path: WirePath(bytes: $0.path), size: $0.size, blocksPresent: $0.presentBlocks, blocksTotal: $0.totalBlocks, touched: $0.touched)
            }
        }
        return status
    }
}
