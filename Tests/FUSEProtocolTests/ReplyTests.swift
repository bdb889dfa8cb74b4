import FUSEProtocol
import Testing

@Suite struct ReplyTests {
    static let attributes = FUSEAttributes(
        ino: 21, size: 5_000_000_000, blocks: 9_765_632, atime: 1, atimeNanoseconds: 2, mtime: -3, mtimeNanoseconds: 4, ctime: 5, ctimeNanoseconds: 6,
        mode: 0o100755, nlink: 2, uid: 1000, gid: 1001, rdev: 0, blksize: 4096)

    /// `struct fuse_attr` of `attributes`.
    static let attributeBytes: [UInt8] = [
        u64(21),  // ino
        u64(5_000_000_000),  // size
        u64(9_765_632),  // blocks
        u64(1),  // atime
        i64(-3),  // mtime
        u64(5),  // ctime
        u32(2),  // atimensec
        u32(4),  // mtimensec
        u32(6),  // ctimensec
        u32(0o100755),  // mode
        u32(2),  // nlink
        u32(1000),  // uid
        u32(1001),  // gid
        u32(0),  // rdev
        u32(4096),  // blksize
        u32(0),  // flags
    ].flatMap { $0 }

    @Test func header() {
        #expect(encoding { FUSEEncoder.header(length: 4112, error: -5, unique: 0x8000_0000_0000_0042, into: $0) } == u32(4112) + i32(-5) + u64(0x8000_0000_0000_0042))
    }

    @Test func attributesOut() {
        let bytes = encoding { FUSEEncoder.attributes(Self.attributes, validSeconds: 60, into: $0) }
        #expect(bytes == u64(60) + u32(0) + u32(0) + Self.attributeBytes)  // attr_valid, attr_valid_nsec, dummy, attr
    }

    @Test func entryOut() {
        let entry = FUSEEntry(nodeID: 22, generation: 3, entryValidSeconds: 10, attrValidSeconds: 20, attributes: Self.attributes)
        let head = [
            u64(22),  // nodeid
            u64(3),  // generation
            u64(10),  // entry_valid
            u64(20),  // attr_valid
            u32(0),  // entry_valid_nsec
            u32(0),  // attr_valid_nsec
        ].flatMap { $0 }
        #expect(encoding { FUSEEncoder.entry(entry, into: $0) } == head + Self.attributeBytes)
        let absent = encoding { FUSEEncoder.entry(.absent(forSeconds: 9), into: $0) }
        #expect(absent == u64(0) + u64(0) + u64(9) + zeros(104))
    }

    @Test func openOut() {
        let plain = encoding { FUSEEncoder.open(fh: 5, flags: [.keepCache, .noFlush], into: $0) }
        #expect(plain == u64(5) + u32(0x22) + u32(0))  // fh, open_flags, backing_id
        let passed = encoding { FUSEEncoder.open(fh: 5, flags: .passthrough, backingID: 3, into: $0) }
        #expect(passed == u64(5) + u32(0x80) + u32(3))
    }

    @Test func statfsOut() {
        let value = FUSEStatfs(blocks: 100, bfree: 1, bavail: 2, files: 30, ffree: 4, bsize: 4096, namelen: 255, frsize: 512)
        let expected = [
            u64(100), u64(1), u64(2),  // blocks, bfree, bavail
            u64(30), u64(4),  // files, ffree
            u32(4096), u32(255), u32(512),  // bsize, namelen, frsize
            u32(0), zeros(24),  // padding, spare
        ].flatMap { $0 }
        #expect(encoding { FUSEEncoder.statfs(value, into: $0) } == expected)
    }

    @Test func smallOnes() {
        #expect(encoding { FUSEEncoder.xattrSize(17, into: $0) } == u32(17) + u32(0))  // size, padding
        #expect(encoding { FUSEEncoder.lseek(offset: 1 << 40, into: $0) } == u64(1 << 40))
        #expect(encoding { FUSEEncoder.poll(events: 0x41, into: $0) } == u32(0x41) + u32(0))  // revents, padding
        #expect(encoding { FUSEEncoder.ioctl(result: -1, into: $0) } == i32(-1) + u32(0) + u32(0) + u32(0))  // result, flags, in_iovs, out_iovs
    }

    @Test func initOut() {
        let reply = FUSEInitReply(
            minor: 45, maxReadahead: 131072, flags: [.asyncRead, .initExtension, .hasResend], maxBackground: 60_000, congestionThreshold: 59_999, maxWrite: 1 << 20,
            timeGranularity: 1, maxPages: 256, maxStackDepth: 1)
        let expected = [
            u32(7), u32(45),  // major, minor
            u32(131072),  // max_readahead
            u32(0x4000_0001),  // flags
            u16(60_000), u16(59_999),  // max_background, congestion_threshold
            u32(1 << 20),  // max_write
            u32(1),  // time_gran
            u16(256), u16(0),  // max_pages, map_alignment
            u32(0x80),  // flags2
            u32(1),  // max_stack_depth
            zeros(24),  // request_timeout, unused
        ].flatMap { $0 }
        #expect(encoding { FUSEEncoder.initReply(reply, into: $0) } == expected)
    }

    @Test func directoryEntries() {
        var memory = [UInt8](repeating: 0xFF, count: 72)
        let (bytes, third) = memory.withUnsafeMutableBytes { raw -> ([UInt8], Bool) in
            var buffer = FUSEDirectoryBuffer(raw)
            #expect(withBytes("a") { buffer.append(name: $0, offset: 1, inode: 10, type: 8) })
            #expect(withBytes("12345678") { buffer.append(name: $0, offset: 2, inode: 11, type: 4) })
            let third = withBytes("c") { buffer.append(name: $0, offset: 3, inode: 12, type: 8) }
            return (Array(buffer.bytes), third)
        }
        #expect(!third, "the third does not fit")
        let expected = [
            u64(10), u64(1), u32(1), u32(8), text("a"), zeros(7),  // ino, off, namelen, type, name, padding to 8
            u64(11), u64(2), u32(8), u32(4), text("12345678"),
        ].flatMap { $0 }
        #expect(bytes == expected)
    }

    @Test func directoryEntriesWithAttributes() {
        var memory = [UInt8](repeating: 0xFF, count: 160 + 159)
        let entry = FUSEEntry(nodeID: 22, generation: 0, entryValidSeconds: 1, attrValidSeconds: 2, attributes: Self.attributes)
        let bytes = memory.withUnsafeMutableBytes { raw -> [UInt8] in
            var buffer = FUSEDirectoryBuffer(raw)
            #expect(withBytes("prog") { buffer.append(name: $0, offset: 3, type: 8, entry: entry) })
            #expect(withBytes(".") { !buffer.append(name: $0, offset: 4, type: 4, entry: FUSEEntry(unlistedInode: 1)) })
            return Array(buffer.bytes)
        }
        let head = u64(22) + u64(0) + u64(1) + u64(2) + u32(0) + u32(0)  // entry_out without attr
        #expect(bytes == head + Self.attributeBytes + u64(21) + u64(3) + u32(4) + u32(8) + text("prog") + zeros(4))
    }

    @Test func aBufferTakesWhatFitsAndNoMore() {
        for room in 0...160 {
            var memory = zeros(max(room, 1))
            memory.withUnsafeMutableBytes { raw in
                var buffer = FUSEDirectoryBuffer(UnsafeMutableRawBufferPointer(rebasing: raw[..<room]))
                var taken = 0
                while withBytes("name", { buffer.append(name: $0, offset: 1, inode: 1, type: 8) }) { taken += 1 }
                #expect(taken == room / 32 && buffer.bytes.count == taken * 32)
            }
        }
    }
}
