import LinuxSystem

// The causes that more than one step can meet.
extension FUSEMount {
    static func deviceError(_ errno: Errno, _ what: String) -> MountError {
        switch errno {
        case .noSuchFileOrDirectory, Errno(rawValue: 19 /* ENODEV */), Errno(rawValue: 6 /* ENXIO */):
            MountError(
                .noDevice, errno, what: what, why: "there is no /dev/fuse",
                advice: "load the module (modprobe fuse), or give the container the device (--device /dev/fuse)")
        case .permissionDenied, .notPermitted:
            MountError(
                .devicePermission, errno, what: what, why: "/dev/fuse may not be opened by this user",
                advice: "let root run: chmod 0666 /dev/fuse; if it is closed again after a restart, put the line KERNEL==\"fuse\", MODE=\"0666\" into /etc/udev/rules.d/99-fuse.rules")
        default:
            MountError(.other, errno, what: what, why: "/dev/fuse cannot be opened: \(errno)", advice: "look at the limits of open files (ulimit -n)")
        }
    }

    static func placeError(_ errno: Errno, _ mountpoint: FilePath, _ what: String) -> MountError {
        switch errno {
        case .noSuchFileOrDirectory:
            MountError(.mountpointMissing, errno, what: what, why: "it does not exist", advice: "create it: mkdir -p \(mountpoint)")
        case .notDirectory:
            MountError(.notADirectory, errno, what: what, why: "a part of the path is not a directory", advice: "check the path")
        default:
            MountError(.notPermitted, errno, what: what, why: "it cannot be looked at: \(errno)", advice: "choose a directory that you own")
        }
    }

    /// The path as an argument of a program.
    static func argument(_ path: FilePath, _ what: String) throws(MountError) -> String {
        guard let text = String(validating: path) else {
            throw MountError(
                .fusermountFailed, Errno(rawValue: 84 /* EILSEQ */), what: what, why: "the path is not valid UTF-8",
                advice: "choose another directory, or mount as root")
        }
        return text
    }

    static func noFusermount(_ what: String) -> MountError {
        MountError(
            .noFusermount, .noSuchFileOrDirectory, what: what, why: "fusermount3 is neither in PATH nor in /bin or /usr/bin",
            advice: "install the package fuse3 (apt install fuse3), or mount as root")
    }

    static func timedOut(_ what: String, _ fusermount: Fusermount) -> MountError {
        MountError(
            .timedOut, .timedOut, what: what, why: "\(fusermount.program) has not ended within \(Fusermount.limitMilliseconds / 1000) s",
            advice: "the path may lie on a file system that does not answer; choose another directory")
    }

    static func said(_ outcome: Fusermount.Outcome) -> String {
        outcome.message.isEmpty ? "fusermount3 ended with status \(outcome.exitCode) and no message" : outcome.message
    }

    static func unmountError(_ errno: Errno, _ what: String) -> MountError {
        switch errno {
        case .resourceBusy:
            MountError(.busy, errno, what: what, why: "somebody has files open in it or works in it", advice: "end those programs (fuser -vm shows them), or unmount lazily")
        case .invalidArgument, .noSuchFileOrDirectory:
            MountError(.notMounted, errno, what: what, why: "nothing is mounted there", advice: "see /proc/self/mountinfo for what is")
        case .notPermitted, .permissionDenied:
            MountError(.notPermitted, errno, what: what, why: "the kernel does not let this process unmount it", advice: "unmount as the user who mounted it, or as root")
        default:
            MountError(.other, errno, what: what, why: "umount2(2) failed: \(errno)", advice: "see the kernel's log: dmesg")
        }
    }
}
