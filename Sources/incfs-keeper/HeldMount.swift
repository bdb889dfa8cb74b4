import FUSEMount
import KeeperLink
import LinuxSystem

/// A mount whose descriptors the keeper holds, so that it outlives the daemon.
struct HeldMount {
    let identity: MountIdentity
    /// State memory file, device, clones.
    let descriptors: [CInt]
    /// What the daemon that mounted wanted kept; not known here what it is.
    let companion: CInt?

    /// For the daemon; sending copies, the keeper's own stay open. The companion is for daemons that do not have it.
    func packet(id: UInt64, restoring: Bool) -> KeeperPacket {
        guard restoring else { return KeeperPacket(id: id, .mounted(identity), descriptors: descriptors) }
        var identity = identity
        identity.hasCompanion = companion != nil
        return KeeperPacket(id: id, .restore(identity), descriptors: descriptors + (companion.map { [$0] } ?? []))
    }

    func close() {
        for descriptor in descriptors { SystemCalls.close(descriptor) }
        if let companion { SystemCalls.close(companion) }
    }
}
