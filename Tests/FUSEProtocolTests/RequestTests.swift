import FUSEProtocol
import Testing

@Suite struct RequestTests {
    @Test func headerFieldByField() throws {
        try parsing(RequestFixtures.read) { request in
            #expect(request.header == FUSERequestHeader(length: 80, opcode: 15, unique: 0x1122, nodeID: 7, uid: 1000, gid: 1001, pid: 4242))
            #expect(!request.header.isResend)
        }
        try parsing(request(5, unique: 1 << 63 | 8)) { #expect($0.header.isResend && $0.header.unique == 1 << 63 | 8) }
    }

    @Test func names() throws {
        try parsing(RequestFixtures.lookup) { request in
            guard case .lookup(let name) = request.operation else { Issue.record("not a lookup"); return }
            #expect(Array(name) == text("bin"))
        }
        try parsing(RequestFixtures.getxattr) { request in
            guard case .getxattr(let name, let size) = request.operation else { Issue.record("not a getxattr"); return }
            #expect(Array(name) == text("user.x") && size == 64)
        }
        for bad in [request(1, [0]), request(1, text("bin")), request(1), request(22, u32(0), u32(0), [0]), request(22, u32(0), u32(0), text("x"))] {
            #expect(throws: FUSEParseError.badName) { try parsing(bad) { _ in } }
        }
    }

    @Test func reads() throws {
        try parsing(RequestFixtures.read) { request in
            guard case .read(let read) = request.operation else { Issue.record("not a read"); return }
            #expect(read == FUSERead(fh: 99, offset: 0x1_0000_0000, size: 4096, readFlags: 0, lockOwner: 5, flags: 0x8000))
            #expect(!read.isDirect)
        }
        try parsing(RequestFixtures.readDirect) { request in
            guard case .read(let read) = request.operation else { Issue.record("not a read"); return }
            #expect(read.isDirect && read.size == 131072)
        }
        #expect(FUSERead(fh: 0, offset: 0, size: 4096, flags: FUSELimits.directFlag).isDirect)
        try parsing(RequestFixtures.readdir) { request in
            guard case .readdir(let read) = request.operation else { Issue.record("not a readdir"); return }
            #expect(read.offset == 2 && read.size == 4096)
        }
        try parsing(RequestFixtures.readdirplus) { request in
            guard case .readdirplus(let read) = request.operation else { Issue.record("not a readdirplus"); return }
            #expect(read.offset == 0 && read.size == 8192)
        }
    }

    @Test func numbers() throws {
        func check(_ bytes: [UInt8], _ matches: (FUSEOperation) -> Bool) throws { #expect(try parsing(bytes) { matches($0.operation) }, "opcode \(bytes[4])") }
        try check(RequestFixtures.forget) { if case .forget(3) = $0 { true } else { false } }
        try check(RequestFixtures.getattr) { if case .getattr(nil) = $0 { true } else { false } }
        try check(RequestFixtures.getattrOfHandle) { if case .getattr(99) = $0 { true } else { false } }
        try check(RequestFixtures.readlink) { if case .readlink = $0 { true } else { false } }
        try check(RequestFixtures.open) { if case .open(0x8020) = $0 { true } else { false } }
        try check(RequestFixtures.statfs) { if case .statfs = $0 { true } else { false } }
        try check(RequestFixtures.release) { if case .release(99) = $0 { true } else { false } }
        try check(RequestFixtures.releasedir) { if case .releasedir(98) = $0 { true } else { false } }
        try check(RequestFixtures.fsync) { if case .fsync(99) = $0 { true } else { false } }
        try check(RequestFixtures.fsyncdir) { if case .fsync(98) = $0 { true } else { false } }
        try check(RequestFixtures.flush) { if case .flush(99) = $0 { true } else { false } }
        try check(RequestFixtures.listxattr) { if case .listxattr(0) = $0 { true } else { false } }
        try check(RequestFixtures.opendir) { if case .opendir(0x18000) = $0 { true } else { false } }
        try check(RequestFixtures.access) { if case .access(4) = $0 { true } else { false } }
        try check(RequestFixtures.interrupt) { if case .interrupt(0x1122) = $0 { true } else { false } }
        try check(RequestFixtures.destroy) { if case .destroy = $0 { true } else { false } }
        try check(RequestFixtures.lseek) { if case .lseek(99, 8192, 3) = $0 { true } else { false } }
        try check(RequestFixtures.statx) { if case .statx(0xFFF) = $0 { true } else { false } }
        try check(RequestFixtures.poll) { if case .poll(let p) = $0 { p == FUSEPoll(fh: 99, kh: 17, flags: FUSEPoll.scheduleNotify, events: 0x41) } else { false } }
    }

    @Test func ioctlCarriesItsInput() throws {
        try parsing(RequestFixtures.ioctl) { request in
            guard case .ioctl(let ioctl) = request.operation else { Issue.record("not an ioctl"); return }
            #expect(ioctl.fh == 99 && ioctl.command == 0xC004_6686 && ioctl.argument == 0x7FFF_0000 && ioctl.outSize == 68 && ioctl.flags == 0)
            #expect(Array(ioctl.input) == [1, 0, 32, 0])
        }
        let lying = request(39, u64(99), u32(0), u32(1), u64(0), u32(.max), u32(0), [1, 2, 3])
        #expect(throws: FUSEParseError.payloadTooShort) { try parsing(lying) { _ in } }
    }

    @Test func forgetLists() throws {
        try parsing(RequestFixtures.batchForget) { request in
            guard case .batchForget(let list) = request.operation else { Issue.record("not a batch"); return }
            #expect(list.count == 2)
            #expect(list[0] == (5, 1) && list[1] == (6, 2))
        }
        #expect(throws: FUSEParseError.payloadTooShort) { try parsing(request(42, u32(.max), u32(0), u64(5), u64(1))) { _ in } }
        try parsing(request(42, u32(0), u32(0))) { request in
            guard case .batchForget(let list) = request.operation else { Issue.record("not a batch"); return }
            #expect(list.count == 0)
        }
    }

    @Test func offers() throws {
        try parsing(RequestFixtures.initialize45) { request in
            guard case .initialize(let offer) = request.operation else { Issue.record("not an init"); return }
            #expect(offer.major == 7 && offer.minor == 45 && offer.maxReadahead == 131072)
            #expect(offer.flags.contains([.initExtension, .hasResend, .passthrough]))
        }
        // flags2 does not count without FUSE_INIT_EXT, and need not be there.
        try parsing(request(26, u32(7), u32(31), u32(4096), u32(1))) { request in
            guard case .initialize(let offer) = request.operation else { Issue.record("not an init"); return }
            #expect(offer.flags == .asyncRead)
        }
        // Only the versions are sure in another major.
        try parsing(request(26, u32(8), u32(1))) { request in
            guard case .initialize(let offer) = request.operation else { Issue.record("not an init"); return }
            #expect(offer.major == 8 && offer.flags == [])
        }
    }

    @Test(arguments: RequestFixtures.modifying) func changesAreNamed(opcode: UInt32) throws {
        try parsing(request(opcode, zeros(8))) { request in
            guard case .modifying(let what) = request.operation else { Issue.record("\(opcode) is not modifying"); return }
            #expect(what.opcode.rawValue == opcode && request.operation.expectsReply)
        }
    }

    @Test(arguments: RequestFixtures.unserved) func theRestIsUnknown(opcode: UInt32) throws {
        try parsing(request(opcode, zeros(8))) { request in
            guard case .unknown(opcode) = request.operation else { Issue.record("\(opcode) is not unknown"); return }
            #expect(request.operation.expectsReply == (opcode != 41))
        }
    }

    @Test func whoWaitsForAnAnswer() throws {
        let silent = [RequestFixtures.forget, RequestFixtures.batchForget, RequestFixtures.interrupt, RequestFixtures.notifyReply]
        for fixture in RequestFixtures.all {
            #expect(try parsing(fixture) { $0.operation.expectsReply } == !silent.contains(fixture))
        }
    }

    @Test func laterMinorsMayAppendFields() throws {
        for fixture in RequestFixtures.all {
            var longer = fixture + zeros(16)
            longer.replaceSubrange(0..<4, with: u32(UInt32(longer.count)))
            #expect(throws: Never.self) { try parsing(longer) { _ in } }
        }
    }
}
