import BlockStore
import ContractTesting
import ControlAPI
import FUSEProtocol
import FUSESession
import FoundationEssentials
import Glibc
import Integrity
import KeeperLink
import LinuxSystem
import PackageFormat
import PackagePublisher

/// Every parser of untrusted bytes that is reachable from outside its target.
enum Targets {
    static func all(scratch: FilePath, contract: FilePath) throws -> [FuzzTarget] {
        [package(scratch), fuse, session, control, keeper, try stateFile(), store(scratch), image(scratch), trial(try BackingTrial(scratch: contract)), trial(try SessionTrial(scratch: contract))]
    }

    /// One of the trials that the tests share: what it complains of is as bad as a crash.
    private static func trial<Some: Trial>(_ trial: Some) -> FuzzTarget {
        let trial = OneThread(value: trial)
        return FuzzTarget(
            name: Some.name, seeds: { try trial.value.seeds() },
            run: { bytes in
                do { if let complaint = try trial.value.complaint(Array(bytes)) { fatalError(complaint) } } catch { fatalError("\(error)") }
            }, mutate: { trial.value.mutate($0, other: $1, &$2) })
    }

    private struct OneThread<Value>: @unchecked Sendable {
        // Safety: the fuzzer runs its targets on its only thread.
        let value: Value
    }

    /// The head of an envelope, the tree behind it, and index records. Digests are checked first, so the interesting
    /// mutations are those of the prefix and the manifest; the tree and records get mutations through the index alone.
    private static func package(_ scratch: FilePath) -> FuzzTarget {
        FuzzTarget(name: "package", seeds: {
            let source = scratch.appending("tree"), out = scratch.appending("out")
            try SystemCalls.makeDirectories(source.appending("bin"))
            try write(Array(repeating: 7, count: 300_000), to: source.appending("bin").appending("tool"))
            try write(Array("hello".utf8), to: source.appending("note"))
            var options = PublishOptions()
            options.name = "fuzz"
            _ = try Publisher.publish(directory: source, output: out, options: options)
            return [try SystemCalls.contents(of: out.appending("fuzz.incfs"))]
        }, run: { bytes in
            _ = try? PackageHead.requiredLength(of: bytes)
            guard let head = try? PackageHead(parsing: bytes, expectedRoot: nil) else { return }
            for i in 0..<head.tree.nodeCount { _ = head.tree.path(of: i) }
            let index = PackageIndex(head: head)
            for page in 0..<index.pageCount {
                let range = index.pageRange(page)
                guard range.offset + UInt64(range.length) <= UInt64(bytes.count) else { continue }
                _ = index.install(page: page, bytes: UnsafeRawBufferPointer(rebasing: bytes[Int(range.offset)..<Int(range.offset) + range.length]))
            }
            for i in 0..<Int(index.layout.chunks) { if let record = try? index.chunk(i) { _ = try? head.sourcePath(ofChunk: i, record) } }
            for i in 0..<Int(index.layout.objects) { if let record = try? index.object(i) { _ = try? index.extent(of: record, covering: 0) } }
        })
    }

    private static let fuse = FuzzTarget(name: "fuse", seeds: {
        // A READ, a LOOKUP of "name", a BATCH_FORGET of one, an INTERRUPT, a GETXATTR, an INIT: header, then payload.
        func request(_ opcode: UInt32, _ payload: [UInt8]) -> [UInt8] {
            var bytes: [UInt8] = []
            func put(_ value: some FixedWidthInteger) { withUnsafeBytes(of: value.littleEndian) { bytes += $0 } }
            put(UInt32(40 + payload.count)); put(opcode); put(UInt64(2)); put(UInt64(1)); put(UInt32(0)); put(UInt32(0)); put(UInt32(9)); put(UInt32(0))
            return bytes + payload
        }
        return [
            request(15, Array(repeating: 1, count: 40)), request(1, Array("name\0".utf8)), request(42, [1, 0, 0, 0, 0, 0, 0, 0] + Array(repeating: 3, count: 16)),
            request(36, Array(repeating: 2, count: 8)), request(22, [16, 0, 0, 0, 0, 0, 0, 0] + Array("user.x\0".utf8)),
            request(26, [7, 0, 0, 0, 45, 0, 0, 0, 0, 0, 2, 0, 255, 255, 255, 255] + Array(repeating: 0, count: 48)), request(39, Array(repeating: 4, count: 32)),
        ]
    }, run: { bytes in
        guard let request = try? FUSERequest.parse(bytes) else { return }
        switch request.operation {
        case .lookup(let name): precondition(name.count < bytes.count)
        case .batchForget(let list): for i in 0..<list.count { _ = list[i] }
        case .getxattr(let name, _): precondition(name.count < bytes.count)
        case .ioctl(let ioctl): precondition(ioctl.input.count <= bytes.count)
        default: break
        }
    })

    private static let session = FuzzTarget(name: "session-state", seeds: {
        [FUSESessionState(negotiated: FUSEInitReply(minor: 45)).encoded()]
    }, run: { _ = try? FUSESessionState(decoding: $0) })

    private static let control = FuzzTarget(name: "control", seeds: {
        try [
            ControlRequest.hello, .mount(MountRequest(address: "http://h/a.incfs", root: nil, mountpoint: "/m")), .status(StatusRequest(files: true)),
            .wait(WaitRequest(mountpoint: "/m", timeoutSeconds: 3)), .prefetch(PrefetchRequest(mountpoint: "/m", paths: [WirePath(bytes: [0x80, 0x2f])])),
        ].map { Array(try JSONEncoder().encode($0)) }
    }, run: { _ = try? JSONDecoder().decode(ControlRequest.self, from: Data($0)) })

    /// A packet between keeper and daemon. The descriptors that come along are only counted; the first byte says how many.
    private static let keeper = FuzzTarget(name: "keeper", seeds: {
        let identity = MountIdentity(id: 7, mountpoint: "/mnt/a", kind: .privileged, major: 0, minor: 42)
        let messages: [(KeeperMessage, UInt8)] = [
            (.mount(KeeperLink.MountRequest(mountpoint: "/mnt/a", fsname: "package", clones: 2)), 0), (.unmount(mountID: 7, .lazy), 0), (.heartbeat(epoch: 1), 0),
            (.mounted(identity), 3), (.restore(identity), 2), (.failed(.permissionDenied, "not allowed"), 0), (.done, 0),
        ]
        return messages.map { message, count in
            [count] + KeeperPacket(id: 5, message, descriptors: (0..<count).map { CInt($0) }).encoded()
        }
    }, run: { bytes in
        guard let count = bytes.first else { return }
        _ = try? KeeperPacket(decoding: Array(bytes.dropFirst())[...], descriptors: (0..<CInt(count % 40)).map { $0 })
    })

    /// The memory file between keeper and daemon, with two slots.
    private static func stateFile() throws -> FuzzTarget {
        let descriptor = try SessionStateFile.create(name: "fuzz").take()
        return FuzzTarget(name: "state-file", seeds: {
            let file = SessionStateFile(descriptor: descriptor)
            try file.write(.init(writeEpoch: 3, session: [1, 2, 3], configuration: Array("{}".utf8)))
            var bytes = [UInt8](repeating: 0, count: SessionStateFile.size)
            _ = try bytes.withUnsafeMutableBytes { try SystemCalls.preadAll(descriptor, into: $0, at: 0) }
            return [bytes]
        }, run: { bytes in
            _ = try? SystemCalls.truncate(descriptor, to: UInt64(bytes.count))
            _ = try? SystemCalls.pwriteAll(descriptor, bytes, at: 0)
            _ = try? SessionStateFile(descriptor: descriptor).read()
        })
    }

    /// The log of small objects and the sidecar of a partial one, as a crash may leave them. The first byte says which file.
    private static func store(_ scratch: FilePath) -> FuzzTarget {
        let directory = scratch.appending("store")
        let small = Array("a small object".utf8)
        let large = [UInt8](repeating: 9, count: 80_000)
        let smallID = small.withUnsafeBytes { VerityDigest.contentDigest(of: $0) }, largeID = large.withUnsafeBytes { VerityDigest.contentDigest(of: $0) }
        let log = directory.appending("slabs").appending("log")
        let sidecar = directory.appending("partial").appending(String(largeID.description.prefix(2))).appending(largeID.description + ".side")
        return FuzzTarget(name: "store", seeds: {
            let store = try PlainStore(directory: directory)
            _ = try small.withUnsafeBytes { try store.object(smallID, size: UInt64(small.count)).fill($0, at: 0) }
            _ = try large.withUnsafeBytes { try store.object(largeID, size: UInt64(large.count)).fill(UnsafeRawBufferPointer(rebasing: $0[..<40_960]), at: 0) }
            try store.commit()
            return [[0] + (try SystemCalls.contents(of: log)), [1] + (try SystemCalls.contents(of: sidecar))]
        }, run: { bytes in
            guard let first = bytes.first else { return }
            let content = UnsafeRawBufferPointer(rebasing: bytes[1...])
            try? write(Array(content), to: first & 1 == 0 ? log : sidecar)
            guard let store = try? PlainStore(directory: directory) else { return }
            for (id, right) in [(smallID, small), (largeID, large)] {
                guard let object = try? store.object(id, size: UInt64(right.count)) else { continue }
                var buffer = [UInt8](repeating: 0, count: right.count)
                for block in 0..<object.blockCount where object.isPresent(block: block) {
                    let range = block * 4096..<min((block + 1) * 4096, right.count)
                    let outcome = buffer.withUnsafeMutableBytes { object.read(into: UnsafeMutableRawBufferPointer(rebasing: $0[range]), at: UInt64(range.lowerBound)) }
                    // Whatever was done to the store's own records: right bytes or none.
                    if case .bytes(let count) = outcome { precondition(count == range.count && Array(buffer[range]) == Array(right[range]), "wrong bytes from a damaged store") }
                }
            }
        })
    }

    static func write(_ bytes: [UInt8], to path: FilePath) throws {
        let file = try SystemCalls.open(path, flags: O_WRONLY | O_CREAT | O_TRUNC, mode: 0o600)
        try bytes.withUnsafeBytes { try SystemCalls.writeAll(file.rawValue, $0) }
    }
}
