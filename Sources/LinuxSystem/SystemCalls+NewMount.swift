import CLinux
import SystemPackage

/// The mount interface by descriptors (fsopen(2), fsconfig(2), fsmount(2), move_mount(2), open_tree(2)).
extension SystemCalls {
    /// A mount of `type` that is not in any directory yet. `strings` and `flags` are its options; `attributes` are `MOUNT_ATTR_*`.
    public static func detachedMount(type: String, strings: [(String, String)], flags: [String], attributes: UInt32) throws(Errno) -> OwnedDescriptor {
        let context = OwnedDescriptor(CInt(try value(clinux_fsopen(type))))
        for (key, text) in strings { _ = try value(clinux_fsconfig_string(context.rawValue, key, text)) }
        for flag in flags { _ = try value(clinux_fsconfig_flag(context.rawValue, flag)) }
        _ = try value(clinux_fsconfig_create(context.rawValue))
        return OwnedDescriptor(CInt(try value(clinux_fsmount(context.rawValue, attributes))))
    }

    /// Puts a detached mount on a directory, on top of what is mounted there.
    public static func attach(mount: CInt, to target: FilePath) throws(Errno) {
        _ = try value(target.withPlatformString { clinux_move_mount(mount, $0) })
    }

    /// Another, detached mount of the same file system: what is done through it does not keep the first one busy.
    public static func cloneMount(_ mount: CInt) throws(Errno) -> OwnedDescriptor {
        OwnedDescriptor(CInt(try value(clinux_clone_mount(mount))))
    }

    /// Sets and clears `MOUNT_ATTR_*` of the mount whose root `mount` is (mount_setattr(2)), and of no other mount of the file system.
    public static func changeMount(_ mount: CInt, setting: UInt32 = 0, clearing: UInt32 = 0) throws(Errno) {
        _ = try value(clinux_mount_setattr(mount, UInt64(setting), UInt64(clearing)))
    }
}
