import FUSEProtocol
import Testing

@Suite struct ChangeTests {
    private func changing<Result>(_ bytes: [UInt8], _ body: (FUSEChange) throws -> Result) throws -> Result {
        try parsing(bytes) { request in
            guard case .modifying(let modification) = request.operation else { throw FUSEParseError.badName }
            return try body(try modification.change())
        }
    }

    private func string(_ bytes: UnsafeRawBufferPointer) -> String { String(decoding: bytes, as: UTF8.self) }

    @Test func names() throws {
        try changing(ChangeFixtures.mknod) {
            guard case .mknod(let name, 0o100644, 0x0103, 0o022) = $0 else { Issue.record("\($0)"); return }
            #expect(string(name) == "node")
        }
        try changing(ChangeFixtures.mkdir) {
            guard case .mkdir(let name, 0o777, 0o022) = $0 else { Issue.record("\($0)"); return }
            #expect(string(name) == "dir")
        }
        try changing(ChangeFixtures.unlink) {
            guard case .unlink(let name) = $0 else { Issue.record("\($0)"); return }
            #expect(string(name) == "gone")
        }
        try changing(ChangeFixtures.rmdir) {
            guard case .rmdir(let name) = $0 else { Issue.record("\($0)"); return }
            #expect(string(name) == "empty")
        }
        try changing(ChangeFixtures.link) {
            guard case .link(5, let name) = $0 else { Issue.record("\($0)"); return }
            #expect(string(name) == "second")
        }
        try changing(ChangeFixtures.symlink) {
            guard case .symlink(let name, let target) = $0 else { Issue.record("\($0)"); return }
            #expect(string(name) == "name" && string(target) == "../target")
        }
        try changing(ChangeFixtures.create) {
            guard case .create(let name, 0o101, 0o100600, 0o077) = $0 else { Issue.record("\($0)"); return }
            #expect(string(name) == "new")
        }
    }

    @Test(arguments: [(ChangeFixtures.rename, UInt32(0)), (ChangeFixtures.rename2, UInt32(1))]) func renames(bytes: [UInt8], flags: UInt32) throws {
        try changing(bytes) {
            guard case .rename(let from, 9, let to, flags) = $0 else { Issue.record("\($0)"); return }
            #expect(string(from) == "from" && string(to) == "to")
        }
    }

    @Test func attributes() throws {
        try changing(ChangeFixtures.setattr) {
            guard case .setattr(let change) = $0 else { Issue.record("\($0)"); return }
            #expect(change == FUSESetattr(fh: 99, mode: 0o100555, uid: 1000, size: 4096, accessed: .at(seconds: -1, nanoseconds: 10), modified: .now))
        }
        try changing(ChangeFixtures.setxattr) {
            guard case .setxattr(let name, let value, 1) = $0 else { Issue.record("\($0)"); return }
            #expect(string(name) == "user.x" && string(value) == "value")
        }
        try changing(ChangeFixtures.removexattr) {
            guard case .removexattr(let name) = $0 else { Issue.record("\($0)"); return }
            #expect(string(name) == "user.x")
        }
    }

    @Test func data() throws {
        try changing(ChangeFixtures.write) {
            guard case .write(99, 4096, let data) = $0 else { Issue.record("\($0)"); return }
            #expect(string(data) == "abc")
        }
        try changing(ChangeFixtures.fallocate) {
            guard case .fallocate(99, 1, 2, 3) = $0 else { Issue.record("\($0)"); return }
        }
        try changing(request(51, zeros(16))) { guard case .other(.tmpfile) = $0 else { Issue.record("\($0)"); return } }
    }

    @Test func whatIsMissingIsAnError() throws {
        // A value longer than what came, a second name that is not there, an empty name.
        #expect(throws: FUSEParseError.payloadTooShort) { try changing(request(21, u32(6), u32(0), text("user.x"), [0], text("value"))) { _ in } }
        #expect(throws: FUSEParseError.payloadTooShort) { try changing(request(16, u64(99), u64(0), u32(4), u32(0), u64(0), u32(0), u32(0), text("abc"))) { _ in } }
        #expect(throws: FUSEParseError.badName) { try changing(request(12, u64(9), text("from"), [0], text("to"))) { _ in } }
        #expect(throws: FUSEParseError.badName) { try changing(request(10, [0])) { _ in } }
        #expect(throws: FUSEParseError.payloadTooShort) { try changing(request(4, zeros(87))) { _ in } }
    }
}
