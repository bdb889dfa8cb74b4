import FUSEMount
import KeeperLink
import LinuxSystem

/// A mount whose descriptors the keeper holds, so that it outlives the daemon.
struct HeldMount {
    let identity: MountIdentity
    /// State memory file, device, clones.
    let descriptors: [CInt]

    /// For the daemon; sending copies, the keeper's own stay open.
    func packet(id: UInt64, restoring: Bool) -> KeeperPacket {
        KeeperPacket(id: id, restoring ? .restore(identity) : .mounted(identity), descriptors: descriptors)
    }

    func close() { for descriptor in descriptors { SystemCalls.close(descriptor) } }
}
