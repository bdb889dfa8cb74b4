import FUSEProtocol
import Glibc
import Testing

/// Bytes whose end is the end of a readable page: the first byte behind them is a fault, and ends the test run.
private func atPageEnd<Result>(_ bytes: [UInt8], _ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
    let base = mmap(nil, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)!
    defer { munmap(base, 8192) }
    mprotect(base + 4096, 4096, PROT_NONE)
    let start = base + 4096 - bytes.count
    bytes.withUnsafeBytes { if let source = $0.baseAddress { start.copyMemory(from: source, byteCount: $0.count) } }
    return try body(UnsafeRawBufferPointer(start: start, count: bytes.count))
}

/// Reads everything that a parsed request points to.
private func touch(_ operation: FUSEOperation) -> Int {
    switch operation {
    case .lookup(let name): name.reduce(0) { $0 &+ Int($1) }
    case .getxattr(let name, _): name.reduce(0) { $0 &+ Int($1) }
    case .ioctl(let ioctl): ioctl.input.reduce(0) { $0 &+ Int($1) }
    case .modifying(let modification): touch(modification)
    case .batchForget(let list): (0..<list.count).reduce(0) { $0 &+ Int(truncatingIfNeeded: list[$1].nodeID &+ list[$1].lookups) }
    default: 0
    }
}

private func touch(_ modification: FUSEModification) -> Int {
    func sum(_ parts: UnsafeRawBufferPointer...) -> Int { parts.reduce(0) { $1.reduce($0) { $0 &+ Int($1) } } }
    guard let change = try? modification.change() else { return 0 }
    return switch change {
    case .mknod(let name, _, _, _), .mkdir(let name, _, _), .unlink(let name), .rmdir(let name), .link(_, let name), .removexattr(let name),
        .create(let name, _, _, _): sum(name)
    case .rename(let name, _, let to, _): sum(name, to)
    case .symlink(let name, let target): sum(name, target)
    case .setxattr(let name, let value, _): sum(name, value)
    case .write(_, _, let data): sum(data)
    case .setattr, .fallocate, .other: 0
    }
}

@Suite struct TruncationTests {
    @Test func everyLengthOfEveryRequest() {
        for fixture in RequestFixtures.all + ChangeFixtures.all {
            for length in 0..<fixture.count {
                var cut = Array(fixture[..<length])
                // As it was cut: the header tells another length.
                let error: FUSEParseError = length < 40 ? .headerTooShort : .lengthMismatch
                #expect(throws: error) { try atPageEnd(cut) { _ = try FUSERequest.parse($0) } }
                // With a header that agrees: an error, or an operation that stays inside.
                guard length >= 40 else { continue }
                cut.replaceSubrange(0..<4, with: u32(UInt32(length)))
                atPageEnd(cut) { bytes in
                    if let request = try? FUSERequest.parse(bytes) { _ = touch(request.operation) }
                }
            }
        }
    }

    @Test func shortFixedPartsAreErrors() {
        // Requests whose payload is a fixed structure fail at every shorter length.
        let fixed = [
            RequestFixtures.forget, RequestFixtures.getattr, RequestFixtures.open, RequestFixtures.read, RequestFixtures.release, RequestFixtures.fsync,
            RequestFixtures.listxattr, RequestFixtures.flush, RequestFixtures.opendir, RequestFixtures.readdir, RequestFixtures.releasedir,
            RequestFixtures.access, RequestFixtures.interrupt, RequestFixtures.ioctl, RequestFixtures.poll, RequestFixtures.batchForget,
            RequestFixtures.readdirplus, RequestFixtures.lseek, RequestFixtures.statx,
        ]
        for fixture in fixed {
            for length in 40..<fixture.count {
                var cut = Array(fixture[..<length])
                cut.replaceSubrange(0..<4, with: u32(UInt32(length)))
                #expect(throws: FUSEParseError.payloadTooShort) { try atPageEnd(cut) { _ = try FUSERequest.parse($0) } }
            }
        }
    }

    @Test func noise() {
        var state: UInt64 = 0x9E37_79B9_7F4A_7C15  // the seed; noise is the same in every run
        func next() -> UInt64 {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return state
        }
        for _ in 0..<20_000 {
            var bytes = (0..<(40 + Int(next() % 96))).map { _ in UInt8(truncatingIfNeeded: next()) }
            bytes.replaceSubrange(0..<4, with: u32(UInt32(bytes.count)))
            bytes.replaceSubrange(4..<8, with: u32(UInt32(next() % 56)))
            // Small numbers where counts and sizes are, so that both sides of the checks are met.
            if next() % 2 == 0 { bytes.replaceSubrange(40..<min(48, bytes.count), with: u64(next() % 8).prefix(bytes.count - 40)) }
            atPageEnd(bytes) { raw in
                if let request = try? FUSERequest.parse(raw) { _ = touch(request.operation) }
            }
        }
    }
}
