import Glibc
import LinuxSystem

/// Making and ending FUSE mounts: as root by mount(2), as an ordinary user by `fusermount3`, with no configuration.
/// Nothing here ever asks a mounted FUSE file system anything: its server may be the one that waits for us.
/// Calls block (a mount by `fusermount3` up to 10 s). Callable from any thread.
public enum FUSEMount {
    static let devicePath: FilePath = "/dev/fuse"
    /// `FUSE_DEV_IOC_CLONE`, `_IOR(229, 0, uint32_t)`.
    static let cloneRequest: UInt = 0x8004_E500
    /// Below this many seconds the kernel would end a connection for reads that merely wait for the network.
    static let shortestRequestTimeout = 5

    /// Mounts on the directory `mountpoint`, which must be absolute. Symbolic links in it are followed, unless a FUSE mount
    /// lies on the way: such a path is refused.
    ///
    /// Throws `MountError`; the errno is that of the step that failed: `ENOENT` (no /dev/fuse, no mount point, no
    /// fusermount3), `ENOTDIR`, `EACCES`, `EPERM`, `EBUSY` (a FUSE mount is there already), `ETIMEDOUT`.
    public static func mount(at mountpoint: FilePath, options: MountOptions) throws(MountError) -> MountedDevice {
        try checkRequestTimeout(mountpoint)
        let place = try resolved(mountpoint)
        var mounted = geteuid() == 0 ? try mountPrivileged(place, options) : try mountByFusermount(place, options)
        do throws(MountError) {
            try openClones(&mounted, options.clones)
        } catch {
            try? unmount(place, lazy: true)
            for descriptor in mounted.descriptors { SystemCalls.close(descriptor) }
            throw error
        }
        if let kib = options.readAheadKiB { try? setReadAhead(mounted.device, kib: kib) }
        return mounted
    }

    /// Unmounts. With `lazy` it is out of sight at once and ends with its last user (umount2(2), `MNT_DETACH`).
    /// Throws `.busy` (EBUSY), `.notMounted` (EINVAL), `.notPermitted`, `.timedOut`.
    public static func unmount(_ mountpoint: FilePath, lazy: Bool) throws(MountError) {
        let what = "cannot unmount \(mountpoint)"
        if geteuid() == 0 {
            do throws(Errno) { return try SystemCalls.unmount(mountpoint, flags: (lazy ? 2 : 0) | 8 /* UMOUNT_NOFOLLOW */) } catch {
                throw unmountError(error, what)
            }
        }
        guard let fusermount = Fusermount.find() else { throw noFusermount(what) }
        let place = try argument(mountpoint, what)
        let outcome: Fusermount.Outcome
        do throws(Errno) { outcome = try fusermount.run(["-u"] + (lazy ? ["-z"] : []) + ["--", place]) } catch {
            throw MountError(.fusermountFailed, error, what: what, why: "\(fusermount.program) could not be run: \(error)", advice: "look at its permissions: it must be setuid root")
        }
        if outcome.exitCode == 0 { return }
        if outcome.timedOut { throw timedOut(what, fusermount) }
        if outcome.message.contains("busy") { throw unmountError(.resourceBusy, what) }
        if outcome.message.contains("not found") || outcome.message.contains("nvalid argument") { throw unmountError(.invalidArgument, what) }
        throw MountError(.fusermountFailed, .permissionDenied, what: what, why: said(outcome), advice: "only the user who mounted it, or root, can")
    }

    /// Sets the readahead window of a mount through sysfs. Throws `EACCES` or `EPERM` for ordinary users, `ENOENT` when the
    /// mount is gone.
    public static func setReadAhead(_ device: DeviceNumber, kib: Int) throws(Errno) {
        let file = try SystemCalls.open(FilePath("/sys/class/bdi/\(device)/read_ahead_kb"), flags: O_WRONLY)
        var failure: Errno?
        var text = "\(kib)"
        text.withUTF8 { bytes in
            do throws(Errno) { try SystemCalls.writeAll(file.rawValue, UnsafeRawBufferPointer(bytes)) } catch { failure = error }
        }
        if let failure { throw failure }
    }

    /// An administrator's limit on the age of requests ends the whole connection; reads of ours wait.
    private static func checkRequestTimeout(_ mountpoint: FilePath) throws(MountError) {
        for name in ["max_request_timeout", "default_request_timeout"] {
            let path = FilePath("/proc/sys/fs/fuse/").appending(name)
            guard let text = try? SystemCalls.contents(of: path, limit: 64) else { continue }
            try checkRequestTimeout(text, name: name, mountpoint)
        }
    }

    static func checkRequestTimeout(_ text: [UInt8], name: String, _ mountpoint: FilePath) throws(MountError) {
        guard let seconds = Int(String(decoding: text.filter { $0 != 10 }, as: UTF8.self)), seconds > 0, seconds < shortestRequestTimeout else { return }
        throw MountError(
            .requestTimeout, .timedOut, what: "cannot mount on \(mountpoint)",
            why: "fs.fuse.\(name) is \(seconds) s on this machine: the kernel would end the mount at the first read that waits longer for the network",
            advice: "set it to 0 or to 60 and more: sysctl fs.fuse.\(name)=0")
    }

    /// The place as the kernel will name it.
    private static func resolved(_ mountpoint: FilePath) throws(MountError) -> FilePath {
        let what = "cannot mount on \(mountpoint)"
        guard mountpoint.isAbsolute else {
            throw MountError(.notAbsolute, .invalidArgument, what: what, why: "the path is not absolute", advice: "give the whole path")
        }
        let table: MountTable
        do throws(Errno) { table = try MountTable.current() } catch {
            throw MountError(.other, error, what: what, why: "/proc/self/mountinfo cannot be read: \(error)", advice: "mount /proc in this mount namespace")
        }
        try refuseFUSE(on: mountpoint.lexicallyNormalized(), table, what)
        let place: FilePath, kind: FileStatus.Kind
        do throws(Errno) {
            place = try SystemCalls.realPath(mountpoint)
            // A symbolic link may have led onto a FUSE mount: that is asked no more than its name.
            kind = table.fuseMount(above: place) == nil ? try SystemCalls.status(of: place).kind : .directory
        } catch { throw placeError(error, mountpoint, what) }
        try refuseFUSE(on: place, table, what)
        guard kind == .directory else {
            throw MountError(.notADirectory, .notDirectory, what: what, why: "it is not a directory", advice: "give an empty directory: mkdir DIR")
        }
        return place
    }

    private static func refuseFUSE(on place: FilePath, _ table: MountTable, _ what: String) throws(MountError) {
        guard let above = table.fuseMount(above: place) else { return }
        let exact = above.mountpoint == place
        throw MountError(
            .alreadyMounted, .resourceBusy, what: what,
            why: exact ? "a FUSE file system (\(above.type)) is mounted there already" : "it lies inside the FUSE mount \(above.mountpoint)",
            advice: exact ? "unmount it first: fusermount3 -u \(place)" : "choose a directory on an ordinary file system")
    }

    private static func openClones(_ mounted: inout MountedDevice, _ count: Int) throws(MountError) {
        for _ in 0..<count {
            do throws(Errno) {
                let clone = try SystemCalls.open(devicePath, flags: O_RDWR)
                var original = UInt32(mounted.descriptors[0])
                try SystemCalls.ioctl(clone.rawValue, cloneRequest, &original)
                mounted.descriptors.append(clone.take())
            } catch { throw deviceError(error, "cannot open another channel of \(mounted.mountpoint)") }
        }
    }
}
