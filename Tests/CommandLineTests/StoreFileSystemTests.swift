import ControlAPI
import LinuxSystem
import Testing

@testable import FUSEMount
@testable import incfs

/// What is said of a store by the file system that it lies on. The directory is real, the mount table is the test's.
@Suite struct StoreFileSystemTests {
    private func look(_ lines: (place: FilePath, type: String)..., at store: FilePath) throws -> String? {
        let table = lines.map { "30 22 0:40 / \($0.place) rw - \($0.type) server:/x rw" }.joined(separator: "\n")
        return try StoreFileSystem.look(at: store, among: MountTable(text: Array("22 1 0:5 / / rw - ext4 /dev/vda rw\n\(table)".utf8)).entries)
    }

    @Test(arguments: [
        "nfs", "nfs4", "cifs", "smb3", "9p", "ceph", "afs", "glusterfs", "lustre", "gfs2", "ocfs2", "beegfs", "coda", "davfs", "fuse.sshfs", "fuse.glusterfs", "fuse.s3fs",
        "fuse.rclone", "fuse.davfs", "fuse.ceph",
    ])
    func aNetworkIsWarnedOf(_ type: String) throws {
        let store = TemporaryDirectory()
        let warning = try look((store.path, type), at: store.path)
        #expect(warning?.contains("\(store.path) lies on a network file system (\(type))") == true && warning?.contains("--store DIR") == true, "\(warning ?? "nothing")")
        #expect(try SystemCalls.list(store.path).isEmpty)
    }

    @Test(arguments: ["ext4", "xfs", "btrfs", "zfs", "f2fs", "bcachefs", "tmpfs", "overlay", "fuseblk", "virtiofs", "fuse.mergerfs"])
    func aLocalDiskIsNot(_ type: String) throws {
        let store = TemporaryDirectory()
        #expect(try look((store.path, type), at: store.path) == nil)
    }

    @Test func oneOfOurMountsIsRefused() {
        let store = TemporaryDirectory()
        #expect { try look((store.path, "fuse.incfs"), at: store.path) } throws: {
            ($0 as? ControlError)?.code == .disk && ($0 as? ControlError)?.message.contains("lies on a mount of incfs (\(store.path))") == true
        }
    }

    @Test func theDeepestMountCountsAndOfSeveralAtOnePlaceTheLast() throws {
        let outer = TemporaryDirectory()
        let store = outer.path.appending("ab")
        try SystemCalls.makeDirectory(store)
        #expect(try look((store, "ext4"), (outer.path, "nfs4"), at: store) == nil)
        #expect(try look((outer.path, "nfs4"), at: store) != nil)
        // As the automounter leaves it.
        #expect(try look((store, "autofs"), (store, "nfs4"), at: store) != nil)
        #expect(try look((store, "nfs4"), (store, "ext4"), at: store) == nil)
        // A name that only begins alike is another directory.
        #expect(try look((outer.path.appending("a"), "nfs4"), at: store) == nil)
    }
}
