import FUSEProtocol
import FUSESession
import LinuxSystem
import Synchronization
import Testing
import VolumeTesting
@testable import VolumeCore
@testable import VolumeFUSE

/// A package behind a session, with the test as kernel and as loader.
final class Mount: Sendable {
    static let package: Result<PublishedPackage, any Error> = Result {
        var random = Generator(seed: 1)
        var files = [
            // Nine chunks of 128 KiB; the last ends inside a block.
            SourceFile("big", random.noise((1 << 20) + 1000)),
            SourceFile("text", random.text(300_000)),
            SourceFile("small", Array("hello\n".utf8)),
            SourceFile("empty", []),
            SourceFile("sparse", random.noise(400_000), holes: [65536..<200_704, 360_448..<400_000]),
        ]
        for i in 0..<40 { files.append(SourceFile("dir/file-\(i)", random.noise(i * 10))) }
        return try PublishedPackage(files, links: [("link", "dir/file-1")], hardLinks: [("dir/again", "small")])
    }

    let package: PublishedPackage
    let loader: HandLoader
    let fileSystem: PackageFileSystem
    let session: FUSESession<PackageFileSystem>
    /// One for each descriptor; notifications go to the first.
    let kernels: [Kernel]

    var kernel: Kernel { kernels[0] }
    var volume: PackageVolume { loader.volume }
    let stores = TemporaryDirectory()

    init(index: Bool = true, descriptors: Int = 1, configure: (inout VolumeConfiguration) -> Void = { _ in }) throws {
        package = try Self.package.get()
        var configuration = VolumeConfiguration()
        configure(&configuration)
        loader = try HandLoader.start(package, in: stores.path, index: index, configuration: configuration)
        fileSystem = PackageFileSystem(volume: loader.volume, uid: 17, gid: 18)
        kernels = try (0..<descriptors).map { _ in try Kernel() }
        let told = Told()
        var session = FUSESessionConfiguration(workers: max(2, descriptors), spinNanoseconds: 0, negotiation: FUSENegotiation(allowNoOpen: true))
        session.callerStatus = { told.status($0) }
        self.told = told
        self.session = try FUSESession(fileSystem, descriptors: kernels.map { $0.device.rawValue }, configuration: session)
        fileSystem.attach(notifier: self.session.notifier)
        try kernel.sendInit()
        try self.session.start()
        let reply = try kernel.receive()
        #expect(reply.unique == 2 && reply.error == 0)
        _ = volume.requests.drain()
    }

    private let told: Told
    final class Told: Sendable {
        let threads = Mutex<[Int32: CallerStatus]>([:])
        func status(_ thread: Int32) -> CallerStatus { threads.withLock { $0[thread] ?? .alive } }
    }

    /// What a look at a thread says from now on.
    func set(_ thread: Int32, _ status: CallerStatus) { told.threads.withLock { $0[thread] = status } }

    deinit {
        for kernel in kernels { kernel.unmount() }
        _ = session.waitUntilEnd()
        fileSystem.stop()
    }

    func node(_ path: String) -> UInt64 { UInt64(loader.node(path)) + 1 }
    func content(_ path: String) -> [UInt8] { package.file(path).bytes }

    /// The chunks that hold `range` of the file.
    func chunks(_ path: String, _ range: Range<UInt64>) -> [UInt64] {
        guard case .ready(let object) = volume.resolve(volume.tree.node(loader.node(path)).objectNumber!) else { return [] }
        return object.chunks(in: range)
    }

    func deliver(_ path: String, _ range: Range<UInt64>) { for chunk in chunks(path, range) { loader.deliver(chunk: Int(chunk)) } }

    /// Waits until `count` reads are parked.
    func waitUntilParked(_ count: Int = 1) {
        // The session's threads park; there is nothing to wait on but their doing.
        let deadline = MonotonicTime.now.adding(milliseconds: 10_000)
        while volume.pending.withLock({ $0.count }) < count {
            precondition(MonotonicTime.now < deadline, "\(count) reads should be parked by now")
            SystemCalls.yieldProcessor()
        }
    }

    /// What is asked of the loader, as soon as there is a demand.
    func demands() -> [LoadRequest] {
        let deadline = MonotonicTime.now.adding(milliseconds: 10_000)
        while MonotonicTime.now < deadline {
            let requests = volume.requests.drain()
            if requests.contains(where: { $0.priority == .demand }) { return requests.filter { $0.priority == .demand } }
            SystemCalls.yieldProcessor()
        }
        return []
    }

    /// One request, one answer.
    func ask(_ opcode: FUSEOpcode, node: UInt64 = 1, _ payload: [UInt8] = []) throws -> Kernel.Message {
        try kernel.send(opcode, unique: 1000, node: node, payload)
        return try kernel.reply(to: 1000)
    }

    func read(_ path: String, _ offset: UInt64, _ size: Int, thread: UInt32 = 1) throws -> Kernel.Message {
        try kernel.sendRead(unique: 1002, node: node(path), offset: offset, size: size, thread: thread)
        return try kernel.reply(to: 1002)
    }
}
