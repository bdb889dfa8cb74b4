import LinuxSystem

/// What follows `-o`, parted into what the kernel does by itself, what mount(8) and fstab(5) write for themselves, and the options
/// of the file system.
struct MountWords {
    var isRemount = false
    /// `MOUNT_ATTR_*` of mount_setattr(2). Programs run; nothing brings privileges.
    var attributes: UInt32 = noSetuid | noDevices
    var contract = ""

    static let readOnly: UInt32 = 0x1, noSetuid: UInt32 = 0x2, noDevices: UInt32 = 0x4, noExec: UInt32 = 0x8, noAccessTime: UInt32 = 0x10
    static let noDirectoryAccessTime: UInt32 = 0x80

    var isReadOnly: Bool { attributes & Self.readOnly != 0 }

    init(_ text: String) {
        var rest: [Substring] = []
        for word in text.split(separator: ",") {
            switch word {
            case "remount": isRemount = true
            case "ro": attributes |= Self.readOnly
            case "rw": attributes &= ~Self.readOnly
            case "noexec": attributes |= Self.noExec
            case "exec": attributes &= ~Self.noExec
            case "noatime": attributes |= Self.noAccessTime
            case "nodiratime": attributes |= Self.noDirectoryAccessTime
            case "nosuid", "nodev", "suid", "dev", "atime", "relatime", "diratime", "async", "silent", "loud", "defaults", "auto", "noauto", "nofail", "_netdev",
                "user", "nouser", "users", "owner", "group": break
            default: if !word.hasPrefix("x-") && !word.hasPrefix("comment=") { rest.append(word) }
            }
        }
        contract = rest.joined(separator: ",")
    }
}
