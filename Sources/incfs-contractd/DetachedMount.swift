import Glibc
import LinuxSystem

/// A mount of the published interface that nobody sees yet (fsmount(2)).
enum DetachedMount {
    /// A FUSE mount served through the open `device`, to be attached when its daemon serves. `source` is what the mount table will say.
    static func make(of source: FilePath, device: CInt, _ words: MountWords) throws(Failure) -> OwnedDescriptor {
        try Failure.attempt("mounting") { () throws(Errno) in
            try SystemCalls.detachedMount(
                type: "fuse",
                strings: [
                    ("source", source.string), ("subtype", "incremental-fs"), ("fd", "\(device)"), ("rootmode", "40000"), ("user_id", "\(getuid())"),
                    ("group_id", "\(getgid())"), ("max_read", "\(1 << 20)"),
                ], flags: ["allow_other", "default_permissions"], attributes: words.attributes & ~MountWords.readOnly)
        }
    }
}
