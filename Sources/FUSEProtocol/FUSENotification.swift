/// Messages that we send unasked. Each function writes header and fixed part, and what follows it except the data of STORE,
/// and returns the bytes written; the buffer must have the room (`fixedSize` plus the name), else it traps.
public enum FUSENotification {
    /// Room for the header and the longest fixed part.
    public static let fixedSize = FUSELayout.OutHeader.size + 24

    /// RESEND (7.40): send again what was read and not answered. Once, by a server that took over, before it reads.
    public static func resend(into buffer: UnsafeMutableRawBufferPointer) -> Int { message(.resend, 0, into: buffer).length }

    /// INC_EPOCH (7.44): all cached names are stale from now on.
    public static func incrementEpoch(into buffer: UnsafeMutableRawBufferPointer) -> Int { message(.incEpoch, 0, into: buffer).length }

    /// STORE (7.15): `size` bytes for the page cache, which follow this in the message. Never past the end of the file.
    public static func store(nodeID: UInt64, offset: UInt64, size: UInt32, into buffer: UnsafeMutableRawBufferPointer) -> Int {
        let (base, length) = message(.store, FUSELayout.NotifyStoreOut.size, trailing: Int(size), into: buffer)
        base.put(nodeID, at: FUSELayout.NotifyStoreOut.nodeid)
        base.put(offset, at: FUSELayout.NotifyStoreOut.offset)
        base.put(size, at: FUSELayout.NotifyStoreOut.bytes)
        return length
    }

    /// INVAL_INODE (7.12): drop attributes and the pages of the range; `length` 0 or less is up to the end, a negative
    /// `offset` drops the attributes alone. Never on a range with a parked READ: the writer blocks until it is answered.
    public static func invalidateInode(nodeID: UInt64, offset: Int64, length: Int64, into buffer: UnsafeMutableRawBufferPointer) -> Int {
        let (base, total) = message(.invalInode, FUSELayout.NotifyInvalInodeOut.size, into: buffer)
        base.put(nodeID, at: FUSELayout.NotifyInvalInodeOut.ino)
        base.put(offset, at: FUSELayout.NotifyInvalInodeOut.off)
        base.put(length, at: FUSELayout.NotifyInvalInodeOut.len)
        return total
    }

    /// INVAL_ENTRY (7.12): forget one name. `expireOnly` (7.38) only makes it be looked up again.
    public static func invalidateEntry(parent: UInt64, name: UnsafeRawBufferPointer, expireOnly: Bool = false, into buffer: UnsafeMutableRawBufferPointer) -> Int {
        let (base, total) = message(.invalEntry, FUSELayout.NotifyInvalEntryOut.size, name: name, into: buffer)
        base.put(parent, at: FUSELayout.NotifyInvalEntryOut.parent)
        base.put(UInt32(name.count), at: FUSELayout.NotifyInvalEntryOut.namelen)
        base.put(UInt32(expireOnly ? 1 : 0), at: FUSELayout.NotifyInvalEntryOut.flags)
        return total
    }

    /// DELETE (7.18): the name is gone; the only notification that inotify watchers see.
    public static func delete(parent: UInt64, child: UInt64, name: UnsafeRawBufferPointer, into buffer: UnsafeMutableRawBufferPointer) -> Int {
        let (base, total) = message(.delete, FUSELayout.NotifyDeleteOut.size, name: name, into: buffer)
        base.put(parent, at: FUSELayout.NotifyDeleteOut.parent)
        base.put(child, at: FUSELayout.NotifyDeleteOut.child)
        base.put(UInt32(name.count), at: FUSELayout.NotifyDeleteOut.namelen)
        return total
    }

    /// POLL (7.11): wake who sleeps on `kh`.
    public static func pollWakeup(kh: UInt64, into buffer: UnsafeMutableRawBufferPointer) -> Int {
        let (base, total) = message(.poll, FUSELayout.NotifyPollWakeupOut.size, into: buffer)
        base.put(kh, at: FUSELayout.NotifyPollWakeupOut.kh)
        return total
    }

    /// Header and a cleared fixed part; `trailing` bytes are announced but not written.
    private static func message(
        _ code: FUSENotifyCode, _ fixed: Int, trailing: Int = 0, into buffer: UnsafeMutableRawBufferPointer
    ) -> (base: UnsafeMutableRawPointer, length: Int) {
        let length = FUSELayout.OutHeader.size + fixed
        let base = buffer.cleared(length)
        FUSEEncoder.header(length: length + trailing, error: code.rawValue, unique: 0, into: buffer)
        return (base + FUSELayout.OutHeader.size, length)
    }

    /// The same, followed by a name and its NUL.
    private static func message(
        _ code: FUSENotifyCode, _ fixed: Int, name: UnsafeRawBufferPointer, into buffer: UnsafeMutableRawBufferPointer
    ) -> (base: UnsafeMutableRawPointer, length: Int) {
        let length = FUSELayout.OutHeader.size + fixed + name.count + 1
        let base = buffer.cleared(length)
        FUSEEncoder.header(length: length, error: code.rawValue, unique: 0, into: buffer)
        if let source = name.baseAddress { (base + FUSELayout.OutHeader.size + fixed).copyMemory(from: source, byteCount: name.count) }
        return (base + FUSELayout.OutHeader.size, length)
    }
}
