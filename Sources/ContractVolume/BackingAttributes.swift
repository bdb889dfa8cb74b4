import Glibc
import LinuxSystem

/// The attributes that a backing file carries (xattr(7)).
public enum BackingAttributes {
    public static let id = "user.incfs.id"
    public static let size = "user.incfs.size"
    public static let metadata = "user.incfs.metadata"
    public static let verity = "user.incfs.verity"
    /// On a file whose last name is just being removed, until its entries in `.index` and `.incomplete` are: what a death in between leaves is known by it.
    /// Ours alone. The time of it, in seconds since 1970: the removal follows at once, so that a mark much older than the file's last change is one of another
    /// removal, which did not come to pass.
    public static let unlinked = "user.incfs.unlinked"
    /// In seconds.
    static let longestRemoval: Int64 = 600

    /// Marks a file whose last name is about to be removed.
    public static func markUnlinked(_ descriptor: CInt) throws(Errno) {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        try set(unlinked, Array("\(now.tv_sec)".utf8), ofDescriptor: descriptor)
    }

    /// Whether the file's last name was being removed when it was last changed.
    public static func isUnlinked(_ descriptor: CInt) -> Bool {
        guard let text = (try? SystemCalls.extendedAttribute(unlinked, ofDescriptor: descriptor)) ?? nil, let marked = Int64(String(decoding: text, as: UTF8.self)),
            let changed = try? SystemCalls.status(of: descriptor).changedSeconds
        else { return false }
        let (age, overflow) = changed.subtractingReportingOverflow(marked)
        return !overflow && age >= -1 && age <= longestRemoval
    }

    /// Those that only we write: a file would be another without them.
    public static let kept: Set<String> = [id, size, verity, unlinked]

    /// The size that a file shows; nil when the attribute is absent or ill-formed.
    public static func size(ofDescriptor descriptor: CInt) -> UInt64? {
        guard let bytes = (try? SystemCalls.extendedAttribute(size, ofDescriptor: descriptor)) ?? nil, bytes.count == 8 else { return nil }
        return bytes.withUnsafeBytes { UInt64(littleEndian: $0.loadUnaligned(as: UInt64.self)) }
    }

    public static func identity(ofDescriptor descriptor: CInt) -> FileID? {
        guard let bytes = (try? SystemCalls.extendedAttribute(id, ofDescriptor: descriptor)) ?? nil else { return nil }
        return FileID(text: bytes)
    }

    public static func isVerity(_ descriptor: CInt) -> Bool { ((try? SystemCalls.extendedAttribute(verity, ofDescriptor: descriptor)) ?? nil) != nil }

    public static func set(_ name: String, _ value: [UInt8], ofDescriptor descriptor: CInt, create: Bool = false) throws(Errno) {
        var failure: Errno?
        value.withUnsafeBytes { raw in
            do throws(Errno) { try SystemCalls.setExtendedAttribute(name, raw, ofDescriptor: descriptor, flags: create ? 1 : 0) } catch { failure = error }
        }
        if let failure { throw failure }
    }
}
