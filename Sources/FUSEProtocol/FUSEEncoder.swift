/// Replies as bytes. Each function writes one structure at the start of the caller's buffer and returns its length; the
/// buffer must have the room (`maximumSize` is enough for all but names and data), else it traps.
public enum FUSEEncoder {
    /// The longest fixed structure of a reply, without its header.
    public static let maximumSize = FUSELayout.EntryOut.size

    /// `struct fuse_out_header`. `length` is of the whole message, header included; `error` is 0 or a negative errno
    /// (a positive notification code in notifications).
    @inlinable @discardableResult
    public static func header(length: Int, error: Int32, unique: UInt64, into buffer: UnsafeMutableRawBufferPointer) -> Int {
        precondition(buffer.count >= FUSELayout.OutHeader.size)
        let base = buffer.baseAddress.unsafelyUnwrapped
        base.put(UInt32(truncatingIfNeeded: length), at: FUSELayout.OutHeader.len)
        base.put(error, at: FUSELayout.OutHeader.error)
        base.put(unique, at: FUSELayout.OutHeader.unique)
        return FUSELayout.OutHeader.size
    }

    /// `struct fuse_entry_out`.
    public static func entry(_ entry: FUSEEntry, into buffer: UnsafeMutableRawBufferPointer) -> Int {
        entry.encode(at: buffer.cleared(FUSELayout.EntryOut.size))
        return FUSELayout.EntryOut.size
    }

    /// `struct fuse_attr_out`; the kernel may keep the attributes for `validSeconds`.
    public static func attributes(_ attributes: FUSEAttributes, validSeconds: UInt64, into buffer: UnsafeMutableRawBufferPointer) -> Int {
        let base = buffer.cleared(FUSELayout.AttrOut.size)
        base.put(validSeconds, at: FUSELayout.AttrOut.attrValid)
        attributes.encode(at: base + FUSELayout.AttrOut.attr)
        return FUSELayout.AttrOut.size
    }

    /// `struct fuse_open_out`. `backingID` counts only with `.passthrough`.
    public static func open(fh: UInt64, flags: FUSEOpenFlags, backingID: Int32 = 0, into buffer: UnsafeMutableRawBufferPointer) -> Int {
        let base = buffer.cleared(FUSELayout.OpenOut.size)
        base.put(fh, at: FUSELayout.OpenOut.fh)
        base.put(flags.rawValue, at: FUSELayout.OpenOut.openFlags)
        base.put(backingID, at: FUSELayout.OpenOut.backingID)
        return FUSELayout.OpenOut.size
    }

    /// `struct fuse_statfs_out`.
    public static func statfs(_ value: FUSEStatfs, into buffer: UnsafeMutableRawBufferPointer) -> Int {
        let base = buffer.cleared(FUSELayout.Statfs.size)
        base.put(value.blocks, at: FUSELayout.Statfs.blocks)
        base.put(value.bfree, at: FUSELayout.Statfs.bfree)
        base.put(value.bavail, at: FUSELayout.Statfs.bavail)
        base.put(value.files, at: FUSELayout.Statfs.files)
        base.put(value.ffree, at: FUSELayout.Statfs.ffree)
        base.put(value.bsize, at: FUSELayout.Statfs.bsize)
        base.put(value.namelen, at: FUSELayout.Statfs.namelen)
        base.put(value.frsize, at: FUSELayout.Statfs.frsize)
        return FUSELayout.Statfs.size
    }

    /// `struct fuse_getxattr_out`: the length of a value or list, for a request of size 0.
    public static func xattrSize(_ size: UInt32, into buffer: UnsafeMutableRawBufferPointer) -> Int {
        buffer.cleared(FUSELayout.Getxattr.size).put(size, at: FUSELayout.Getxattr.bytes)
        return FUSELayout.Getxattr.size
    }

    /// `struct fuse_lseek_out`.
    public static func lseek(offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) -> Int {
        buffer.cleared(FUSELayout.LseekOut.size).put(offset, at: FUSELayout.LseekOut.offset)
        return FUSELayout.LseekOut.size
    }

    /// `struct fuse_poll_out`.
    public static func poll(events: UInt32, into buffer: UnsafeMutableRawBufferPointer) -> Int {
        buffer.cleared(FUSELayout.PollOut.size).put(events, at: FUSELayout.PollOut.revents)
        return FUSELayout.PollOut.size
    }

    /// `struct fuse_ioctl_out`, with no bytes to copy back yet: they follow it in the message.
    public static func ioctl(result: Int32, into buffer: UnsafeMutableRawBufferPointer) -> Int {
        buffer.cleared(FUSELayout.IoctlOut.size).put(result, at: FUSELayout.IoctlOut.result)
        return FUSELayout.IoctlOut.size
    }

    /// `struct fuse_init_out`.
    public static func initReply(_ reply: FUSEInitReply, into buffer: UnsafeMutableRawBufferPointer) -> Int {
        let base = buffer.cleared(FUSELayout.InitOut.size)
        base.put(reply.major, at: FUSELayout.InitOut.major)
        base.put(reply.minor, at: FUSELayout.InitOut.minor)
        base.put(reply.maxReadahead, at: FUSELayout.InitOut.maxReadahead)
        base.put(UInt32(truncatingIfNeeded: reply.flags.rawValue), at: FUSELayout.InitOut.flags)
        base.put(reply.maxBackground, at: FUSELayout.InitOut.maxBackground)
        base.put(reply.congestionThreshold, at: FUSELayout.InitOut.congestionThreshold)
        base.put(reply.maxWrite, at: FUSELayout.InitOut.maxWrite)
        base.put(reply.timeGranularity, at: FUSELayout.InitOut.timeGran)
        base.put(reply.maxPages, at: FUSELayout.InitOut.maxPages)
        base.put(UInt32(truncatingIfNeeded: reply.flags.rawValue >> 32), at: FUSELayout.InitOut.flags2)
        base.put(reply.maxStackDepth, at: FUSELayout.InitOut.maxStackDepth)
        return FUSELayout.InitOut.size
    }
}
