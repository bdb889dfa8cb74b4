import FUSEProtocol
import Glibc
import LinuxSystem

/// Who has a descriptor of `.cmd`, and who writes to it.
///
/// A write carries addresses, which are read in the memory of whoever makes it. A program with privileges can be made to write what
/// somebody without them wants to a descriptor that he gave it: such a write must not be read for him.
struct WriterIdentity: Hashable, Sendable {
    var uid: UInt32
    var gid: UInt32
    /// What it may make effective (capabilities(7)); nil when that cannot be seen.
    var capabilities: UInt64?

    init(uid: UInt32, gid: UInt32, capabilities: UInt64?) {
        self.uid = uid
        self.gid = gid
        self.capabilities = capabilities
    }

    /// The thread behind a request, which must be unanswered.
    init(_ header: FUSERequestHeader) {
        self.init(uid: header.uid, gid: header.gid, capabilities: Self.permitted(thread: header.pid))
    }

    private static func permitted(thread: UInt32) -> UInt64? {
        let field = "CapPrm:\t"
        guard thread > 0, let text = try? SystemCalls.contents(of: FilePath("/proc/\(thread)/status"), limit: 65536) else { return nil }
        for line in text.split(separator: UInt8(ascii: "\n")) where line.starts(with: field.utf8) {
            return UInt64(String(decoding: line.dropFirst(field.utf8.count), as: UTF8.self), radix: 16)
        }
        return nil
    }

    /// Whether `writer` has nothing that this one, who opened the file, had not.
    func covers(_ writer: WriterIdentity) -> Bool {
        guard uid == 0 || uid == writer.uid && gid == writer.gid else { return false }
        guard let own = capabilities, let others = writer.capabilities else { return false }
        return others & ~own == 0
    }
}
