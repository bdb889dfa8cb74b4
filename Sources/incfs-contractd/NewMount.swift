import FUSEMount
import Glibc
import LinuxSystem

/// A mount that is being made, with the open device that its daemon is to serve. Used by one thread.
///
/// Root's is in no directory before `attach`: nobody sees it before it is served. An ordinary user's is made by `fusermount3`, which puts it in its place
/// at once: who looks there before the daemon answers waits for it, and if the daemon does not come, `undo` takes it away again.
final class NewMount {
    /// What is mounted.
    struct Kind {
        /// What the mount table will say.
        var source: String
        /// The type is `fuse.<subtype>`.
        var subtype: String
        /// `MOUNT_ATTR_*` of mount_setattr(2).
        var attributes: UInt32
    }

    let device: OwnedDescriptor
    private let target: FilePath
    private let isRoots: Bool
    private let isReadOnly: Bool
    /// The mount itself; -1 once it was let go.
    private var mount: CInt
    private var isAttached: Bool

    init(_ kind: Kind, on target: String) throws(Failure) {
        try Self.removeDead(target)
        isRoots = geteuid() == 0
        isReadOnly = kind.attributes & MountWords.readOnly != 0
        if isRoots {
            let fuse = try Failure.attempt("/dev/fuse") { () throws(Errno) in try SystemCalls.open("/dev/fuse", flags: O_RDWR) }
            mount = try Self.detached(kind, device: fuse.rawValue).take()
            device = fuse
            (self.target, isAttached) = (FilePath(target), false)
        } else {
            let mounted = try Self.mountedByFusermount(kind, on: target)
            (self.target, isAttached) = (mounted.mountpoint, true)
            device = OwnedDescriptor(mounted.descriptors[0])
            mount = -1
            do throws(Errno) {
                // Asks nobody: the daemon does not answer yet.
                mount = try SystemCalls.open(mounted.mountpoint, flags: SystemCalls.pathOnly | O_DIRECTORY).take()
                let status = try SystemCalls.quietStatus(of: mount)
                guard status.deviceMajor == mounted.device.major, status.deviceMinor == mounted.device.minor else { throw .resourceBusy }
            } catch {
                undo()
                throw Failure(error, "\(target): what was just mounted is not seen there: \(error)")
            }
        }
    }

    deinit { letGo() }

    /// Puts it in its place, where it is not there yet; if it fails, nothing has the file system any more.
    func attach() throws(Failure) {
        if isAttached { return }
        try Failure.attempt("\(target)") { () throws(Errno) in try SystemCalls.attach(mount: mount, to: target) }
        isAttached = true
    }

    func status() throws(Failure) -> SystemCalls.QuietStatus { try Failure.attempt("the mount") { () throws(Errno) in try SystemCalls.quietStatus(of: mount) } }

    /// Another, detached mount of it, which does not keep it busy, and can be written whatever this one lets programs do. nil where the system does not
    /// let an ordinary user have one: `fusermount3` makes more than the mount read-only, which only root could undo for the clone.
    func clone() throws(Failure) -> OwnedDescriptor? {
        if isRoots {
            let isReadOnly = isReadOnly, mount = mount
            return try Failure.attempt("the mount's clone") { () throws(Errno) in
                let clone = try SystemCalls.cloneMount(mount)
                if isReadOnly { try SystemCalls.changeMount(clone.rawValue, clearing: MountWords.readOnly) }
                return clone
            }
        }
        if isReadOnly { return nil }
        let own = try status()
        guard let clone = UserClone.make(of: target), let found = try? SystemCalls.quietStatus(of: clone.rawValue) else { return nil }
        // In between something else may have been mounted there.
        guard found.deviceMajor == own.deviceMajor, found.deviceMinor == own.deviceMinor else { return nil }
        return clone
    }

    /// Keeps it busy no longer.
    func letGo() {
        if mount >= 0 { SystemCalls.close(mount) }
        mount = -1
    }

    /// Its daemon did not come: takes it away.
    func undo() {
        letGo()
        guard isAttached else { return }
        isAttached = false
        if isRoots { try? SystemCalls.unmount(target, flags: 2) } else { try? FUSEMount.unmount(target, lazy: true) }
    }

    /// Who mounts again where a daemon was killed wants neither to be refused nor to have the dead mount below.
    private static func removeDead(_ target: String) throws(Failure) {
        do throws(MountError) {
            guard let place = try FUSEMount.removeDead(at: FilePath(target)) else { return }
            print("incfs: note: the mount at \(place) had lost its daemon; it is unmounted", to: &standardError)
        } catch { throw Failure(error.errno, "\(error)") }
    }

    private static func detached(_ kind: Kind, device: CInt) throws(Failure) -> OwnedDescriptor {
        try Failure.attempt("mounting") { () throws(Errno) in
            try SystemCalls.detachedMount(
                type: "fuse",
                strings: [
                    ("source", kind.source), ("subtype", kind.subtype), ("fd", "\(device)"), ("rootmode", "40000"), ("user_id", "\(getuid())"),
                    ("group_id", "\(getgid())"), ("max_read", "\(1 << 20)"),
                ], flags: ["allow_other", "default_permissions"], attributes: kind.attributes)
        }
    }

    /// For its user alone. Times of access are the daemon's to say: the kernel keeps none of FUSE, so that `noatime` changes nothing.
    private static func mountedByFusermount(_ kind: Kind, on target: String) throws(Failure) -> MountedDevice {
        let here = try Failure.attempt("the current directory") { () throws(Errno) in try SystemCalls.realPath(".") }
        let options = MountOptions(
            fsname: kind.source, subtype: kind.subtype, readOnly: kind.attributes & MountWords.readOnly != 0, noExec: kind.attributes & MountWords.noExec != 0,
            defaultPermissions: true)
        do throws(MountError) { return try FUSEMount.mount(at: here.pushing(FilePath(target)), options: options) } catch { throw Failure(error.errno, "\(error)") }
    }
}
