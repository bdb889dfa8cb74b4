import LinuxSystem

/// One message on the link. The daemon asks with an id other than 0, the keeper answers under that id;
/// what nobody asked for has id 0.
public enum KeeperMessage: Sendable, Equatable {
    // Daemon to keeper.
    /// With a descriptor or none: what the daemon wants kept open as long as the mount, e.g. a lock on what only this mount may use.
    case mount(MountRequest)
    case unmount(mountID: UInt64, UnmountMode)
    /// Sets the readahead window (KiB) of a mount, once INIT is answered. Only root can.
    case setReadAhead(mountID: UInt64, kib: UInt32)
    /// Once a second; no answer.
    case heartbeat(epoch: UInt64)
    /// The daemon is about to end with this exit code; no answer.
    case exiting(code: Int32)

    // Keeper to daemon.
    /// Answers `mount`; descriptors: state memory file, device, clones.
    case mounted(MountIdentity)
    /// At the start of a daemon, one for each mount that lives; descriptors as `mounted`, and the companion that came with the mount, if any.
    case restore(MountIdentity)
    /// All `restore` messages have been sent; also when there were none.
    case restoreDone(epoch: UInt64)
    /// Answers any request. The sentence is for people, cut at `maximumSentence` bytes.
    case failed(Errno, String)
    case unmounted(mountID: UInt64)
    /// Answers `setReadAhead`.
    case done

    public static let maximumSentence = 4096

    /// The number on the wire.
    var kind: UInt16 {
        switch self {
        case .mount: 1
        case .unmount: 2
        case .setReadAhead: 3
        case .heartbeat: 4
        case .exiting: 5
        case .mounted: 0x81
        case .restore: 0x82
        case .restoreDone: 0x83
        case .failed: 0x84
        case .unmounted: 0x85
        case .done: 0x86
        }
    }

    /// Descriptors that must come with the message: 0, or 2 (state file and device) and clones; and a companion.
    var descriptorRange: ClosedRange<Int> {
        switch self {
        case .mount: 0...1
        case .mounted(let mount), .restore(let mount):
            (mount.hasCompanion ? 3 : 2)...(mount.hasCompanion ? 3 : 2) + Int(MountRequest.maximumClones)
        default: 0...0
        }
    }
}
