import Glibc
import LinuxSystem

extension FUSEMount {
    /// mount(2) with a device that we open ourselves.
    static func mountPrivileged(_ place: FilePath, _ options: MountOptions) throws(MountError) -> MountedDevice {
        let what = "cannot mount on \(place)"
        let device: OwnedDescriptor
        do throws(Errno) { device = try SystemCalls.open(devicePath, flags: O_RDWR) } catch { throw deviceError(error, what) }
        // MS_NOSUID | MS_NODEV | MS_RDONLY | MS_NOEXEC: content from the network never brings privileges.
        let flags: UInt = 2 | 4 | (options.readOnly ? 1 : 0) | (options.noExec ? 8 : 0)
        do throws(Errno) {
            try SystemCalls.mount(
                source: options.fsname, target: place, type: "fuse.\(options.subtype)", flags: flags,
                options: options.kernelData(device: device.rawValue, uid: getuid(), gid: getgid()))
        } catch { throw mountError(error, what) }
        return try describe(place, [device.take()], .privileged)
    }

    /// Completes the answer with what the mount table says; the mount is ended if it is not there.
    static func describe(_ place: FilePath, _ descriptors: [CInt], _ how: MountedDevice.How) throws(MountError) -> MountedDevice {
        let entry = try? MountTable.current().topmost(at: place)
        guard let entry, entry.isFUSE else {
            try? unmount(place, lazy: true)
            for descriptor in descriptors { SystemCalls.close(descriptor) }
            throw MountError(
                .other, .noSuchFileOrDirectory, what: "cannot mount on \(place)", why: "the mount does not show in /proc/self/mountinfo",
                advice: "it may have been made in another mount namespace, or have been unmounted at once; try again in the namespace that uses it")
        }
        return MountedDevice(descriptors: descriptors, how: how, mountpoint: place, device: entry.device)
    }

    private static func mountError(_ errno: Errno, _ what: String) -> MountError {
        switch errno {
        case .notPermitted, .permissionDenied:
            MountError(
                .notPermitted, errno, what: what, why: "the kernel does not let this process mount (\(errno)), root or not",
                advice: "in a container it needs CAP_SYS_ADMIN and /dev/fuse (--cap-add SYS_ADMIN --device /dev/fuse); in a user namespace, a mount namespace of its own")
        case .resourceBusy:
            MountError(.busy, errno, what: what, why: "the directory is in use", advice: "choose another directory")
        case Errno(rawValue: 19 /* ENODEV */):
            MountError(.noDevice, errno, what: what, why: "this kernel has no FUSE", advice: "load it: modprobe fuse")
        case .noSpace:
            MountError(.tooManyMounts, errno, what: what, why: "this mount namespace has too many mounts", advice: "unmount some, or raise fs.mount-max")
        default:
            MountError(.other, errno, what: what, why: "mount(2) failed: \(errno)", advice: "see the kernel's log: dmesg")
        }
    }
}
