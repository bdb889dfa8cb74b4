/// What a FUSE mount is made with.
public struct MountOptions: Sendable, Equatable {
    /// Shown as the source in the mount table.
    public var fsname: String
    /// The type is `fuse.<subtype>`.
    public var subtype: String
    public var readOnly: Bool
    /// No program can be started from it (mount(8), `noexec`).
    public var noExec: Bool
    /// Other users may enter. Implies `defaultPermissions`: without it every permission bit would be ignored for them.
    public var allowOther: Bool
    /// The kernel checks the permission bits itself.
    public var defaultPermissions: Bool
    /// The largest READ in bytes; the kernel wants 4096 at least.
    public var maxRead: UInt32
    /// Cloned device descriptors to open besides the first.
    public var clones: Int
    /// Readahead window in KiB to set at once, best effort and only as root; nil leaves the kernel's 128.
    /// The INIT reply lowers it to its own `max_readahead`, so either answer with at least as much or use
    /// `FUSEMount.setReadAhead` after INIT.
    public var readAheadKiB: Int?

    public init(
        fsname: String, subtype: String = "incfs", readOnly: Bool = true, noExec: Bool = false, allowOther: Bool = false, defaultPermissions: Bool = false,
        maxRead: UInt32 = 1 << 20, clones: Int = 0, readAheadKiB: Int? = nil
    ) {
        self.fsname = fsname
        self.subtype = subtype
        self.readOnly = readOnly
        self.noExec = noExec
        self.allowOther = allowOther
        self.defaultPermissions = defaultPermissions
        self.maxRead = maxRead
        self.clones = clones
        self.readAheadKiB = readAheadKiB
    }

    var checksPermissions: Bool { defaultPermissions || allowOther }

    /// The data argument of mount(2) for the descriptor `device`.
    func kernelData(device: CInt, uid: UInt32, gid: UInt32) -> String {
        var data = "fd=\(device),rootmode=40000,user_id=\(uid),group_id=\(gid)"
        if allowOther { data += ",allow_other" }
        if checksPermissions { data += ",default_permissions" }
        return data + ",max_read=\(maxRead)"
    }

    /// The `-o` argument of `fusermount3`.
    var fusermountOptions: String {
        var options = "\(readOnly ? "ro" : "rw"),nosuid,nodev\(noExec ? ",noexec" : ""),fsname=\(Self.escaped(fsname)),subtype=\(Self.escaped(subtype)),max_read=\(maxRead)"
        if allowOther { options += ",allow_other" }
        if checksPermissions { options += ",default_permissions" }
        return options
    }

    /// `fusermount3` splits at commas and takes a backslash as "the next one literally".
    private static func escaped(_ value: String) -> String {
        var result = ""
        for character in value.unicodeScalars {
            if character == "," || character == "\\" { result += "\\" }
            result.unicodeScalars.append(character)
        }
        return result
    }
}
