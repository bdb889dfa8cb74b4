import FUSEProtocol
import Testing

@Suite struct NotificationTests {
    /// `struct fuse_out_header` of a notification: len, code in `error`, unique 0.
    func header(_ length: Int, _ code: Int32) -> [UInt8] { u32(UInt32(length)) + i32(code) + u64(0) }

    @Test func store() {
        let bytes = encoding { FUSENotification.store(nodeID: 9, offset: 4096, size: 8192, into: $0) }
        #expect(bytes == header(16 + 24 + 8192, 4) + u64(9) + u64(4096) + u32(8192) + u32(0))  // nodeid, offset, size, padding
    }

    @Test func invalidations() {
        let inode = encoding { FUSENotification.invalidateInode(nodeID: 9, offset: 4096, length: -1, into: $0) }
        #expect(inode == header(40, 2) + u64(9) + i64(4096) + i64(-1))  // ino, off, len
        let entry = withBytes("old") { name in encoding { FUSENotification.invalidateEntry(parent: 1, name: name, into: $0) } }
        #expect(entry == header(36, 3) + u64(1) + u32(3) + u32(0) + text("old") + [0])  // parent, namelen, flags, name
        let expired = withBytes("old") { name in encoding { FUSENotification.invalidateEntry(parent: 1, name: name, expireOnly: true, into: $0) } }
        #expect(expired == header(36, 3) + u64(1) + u32(3) + u32(1) + text("old") + [0])
        let delete = withBytes("old") { name in encoding { FUSENotification.delete(parent: 1, child: 9, name: name, into: $0) } }
        #expect(delete == header(44, 6) + u64(1) + u64(9) + u32(3) + u32(0) + text("old") + [0])  // parent, child, namelen, padding, name
    }

    @Test func withoutMuch() {
        #expect(encoding { FUSENotification.resend(into: $0) } == header(16, 7))
        #expect(encoding { FUSENotification.incrementEpoch(into: $0) } == header(16, 8))
        #expect(encoding { FUSENotification.pollWakeup(kh: 17, into: $0) } == header(24, 1) + u64(17))
    }
}
