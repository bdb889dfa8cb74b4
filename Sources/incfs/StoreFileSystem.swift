import ControlAPI
import FUSEMount
import Glibc
import LinuxSystem

/// Whether the file system of a directory can serve as a store: asked before a daemon is started for it.
enum StoreFileSystem {
    /// What a person should know who goes on all the same; nil if all is well.
    ///
    /// - Throws: code `disk` for one of our own mounts, and for a file system without sparse files.
    static func look(at store: FilePath, among mounts: [MountTable.Entry] = MountTable.visible.entries) throws(ControlError) -> String? {
        let entry = deepest(store, mounts)
        if entry?.isIncfs == true {
            throw ControlError(
                .disk, "The store \(store) lies on a mount of incfs (\(entry!.mountpoint)): the daemon would wait for itself.",
                hint: "Give a directory on a local disk with --store DIR, or set INCFS_STORE.")
        }
        try requireSparseFiles(store, type: entry?.type)
        guard let entry, isNetwork(entry.type) else { return nil }
        return "The store \(store) lies on a network file system (\(entry.type)): it is slow, and when that server is away every reader waits. "
            + "Better give a directory on a local disk with --store DIR, or set INCFS_STORE."
    }

    /// The mount that `path` lies on: the one with the longest place, of several at one place the last.
    private static func deepest(_ path: FilePath, _ mounts: [MountTable.Entry]) -> MountTable.Entry? {
        var found: MountTable.Entry?
        for entry in mounts where path.starts(with: entry.mountpoint) {
            if entry.mountpoint.length >= (found?.mountpoint.length ?? 0) { found = entry }
        }
        return found
    }

    static func isNetwork(_ type: String) -> Bool {
        ["nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "ceph", "afs", "glusterfs", "lustre", "gfs2", "ocfs2", "beegfs", "ncpfs", "coda", "davfs"].contains(type)
            || type.hasPrefix("fuse.sshfs") || type.hasPrefix("fuse.glusterfs") || type.hasPrefix("fuse.s3fs") || type.hasPrefix("fuse.rclone")
            || type.hasPrefix("fuse.davfs") || type.hasPrefix("fuse.ceph")
    }

    /// A file of one megabyte without content must take no room: vfat and exfat write the zeros.
    private static func requireSparseFiles(_ store: FilePath, type: String?) throws(ControlError) {
        let size: UInt64 = 1 << 20
        let path = store.appending("probe.\(getpid())")
        let status: FileStatus
        do {
            let file = try SystemCalls.open(path, flags: O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o600)
            defer { try? SystemCalls.unlink(path) }
            try SystemCalls.truncate(file.rawValue, to: size)
            status = try SystemCalls.status(of: file.rawValue)
        } catch {
            // Full: the daemon may have all it needs there.
            if error == .noSpace || error == .diskQuotaExceeded { return }
            throw ControlError(
                .disk, "Cannot write to the store \(store): \(error).", hint: "Give a directory of yours with --store DIR, or set INCFS_STORE.", errno: error.rawValue)
        }
        guard status.blocks * 512 >= size / 2 else { return }
        throw ControlError(
            .disk, "The store \(store) lies on a file system that cannot keep files with gaps\(type.map { " (\($0))" } ?? ""); every file would take its whole size at once.",
            hint: "Give a directory on ext4, xfs, btrfs or tmpfs with --store DIR, or set INCFS_STORE.")
    }
}
