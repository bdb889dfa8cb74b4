import BackingCheck
import ContractFUSE
import ContractVolume
import FUSEProtocol
import FUSESession
import Glibc
import Integrity
import LinuxSystem

/// Requests of any kind and content to a contract mount's session: ioctls with every number and structure, special files, names.
///
/// Everything that has an answer is answered, with no more than was asked for. What is answered with an error has changed nothing: not
/// a byte, a name or an attribute of the backing directory, nor the table of time-outs or the count of written blocks. What the requests leave
/// is a backing directory in which the strict reader finds no damage.
public final class SessionTrial: Trial {
    public static var name: String { "session" }
    private let scratch: FilePath
    private let arena = CallerArena()

    /// What every trial finds open, in this order.
    public static let pendingReads: UInt8 = 0, log: UInt8 = 1, blocksWritten: UInt8 = 2, partial: UInt8 = 3, full: UInt8 = 4, signed: UInt8 = 5, mapped: UInt8 = 6, unpermitted: UInt8 = 7, root: UInt8 = 8
    private static let toFill = ["partial", "full", "signed", "mapped"]

    public init(scratch: FilePath) throws { self.scratch = scratch }

    private static let noise = (BackingTrial.noise(4096, 1), BackingTrial.noise(4096, 2))
    static func id(_ number: UInt64) -> FileID { FileID(low: number, high: 0x0102_0304_0506_0708) }
    /// Two blocks of zeros: their root and their only hash block.
    public static let zeroRoot = Digest(hex: "90b10db56173e2e7c847f6ff3ed85a3aebb140bc0064ec9a156ae5b2e71db988")!
    public static let zeroHash: [UInt8] = {
        let leaf = Digest(hex: "ad7facb2586fc6e966c004d7d1d16b024f5805ff7cb47c7a85dabd8b48892ca7")!.bytes
        return leaf + leaf + [UInt8](repeating: 0, count: 4096 - 64)
    }()

    private func make(_ directory: BackingDirectory, _ place: FilePath, _ name: String, _ id: UInt64, _ size: UInt64, signature: [UInt8]? = nil, _ blocks: [(index: UInt32, bytes: [UInt8], compression: UInt8, isHash: Bool)]) throws {
        let file = try SystemCalls.open(place.appending(name), flags: O_RDWR | O_CREAT, mode: 0o666)
        try VolumeFile.initialize(file.rawValue, id: Self.id(id), size: size, signature: signature)
        try BackingTrial.label(file.rawValue, Self.id(id), size)
        let opened = try directory.files.open(file.rawValue).file
        let result = BackingTrial.fill(opened, blocks)
        precondition(result.error == nil)
        try SystemCalls.link(file.rawValue, as: Self.id(id).text, in: directory.index)
        if !opened.hasAllData { try SystemCalls.link(file.rawValue, as: Self.id(id).text, in: directory.incomplete) }
    }

    private func makeBacking(_ place: FilePath) throws -> BackingDirectory {
        try SystemCalls.makeDirectories(place)
        let directory = try BackingDirectory(place)
        let zeros = [UInt8](repeating: 0, count: 4096)
        try make(directory, place, "partial", 1, 5 * 4096 + 100, [(0, Self.noise.0, 0, false), (2, Self.noise.1, 0, false)])
        try make(directory, place, "full", 2, 8192, [(0, zeros, 0, false), (1, zeros, 0, false)])
        try make(directory, place, "signed", 3, 8192, signature: SignatureBlob.minimal(root: Self.zeroRoot), [(0, zeros, 0, false), (0, Self.zeroHash, 0, true)])
        try make(directory, place, "empty", 4, 0, [])
        let mapped = try SystemCalls.open(place.appending("mapped"), flags: O_RDWR | O_CREAT, mode: 0o666)
        try VolumeFile.initializeMapped(mapped.rawValue, source: Self.id(1), offset: 4096, size: 9000)
        try BackingAttributes.set(BackingAttributes.size, bytes(UInt64(9000)), ofDescriptor: mapped.rawValue)
        try SystemCalls.makeDirectories(place.appending("dir"))
        return directory
    }

    // MARK: A trial

    private struct State: Equatable {
        var backing: [String: [UInt8]]
        var written: UInt64
        var timeouts: [UInt8]
    }

    public func complaint(_ input: [UInt8]) throws -> String? {
        let place = scratch.appending("session")
        defer { try? SystemCalls.removeTree(place) }
        var session: ContractSession?
        do {
            let directory = try makeBacking(place)
            var options = ContractOptions()
            options.readTimeoutMilliseconds = 0
            options.reportsUser = input.first.map { $0 & 0x80 != 0 } ?? false
            session = try ContractSession(directory, options: options)
        }
        defer { session?.end() }
        if let complaint = try run(input, session!, place) { return complaint }
        let check = try BackingDirectoryCheck(place, readsData: false)
        // A source may have been removed, and a mode may keep the reader from a file: neither is damage that was done.
        return check.findings.first { $0.severity == .damage && !$0.message.hasPrefix("The source of the mapped file") && !$0.message.hasPrefix("The file cannot be opened") }
            .map { "\($0.path): \($0.message)" }
    }

    private func run(_ input: [UInt8], _ session: ContractSession, _ place: FilePath) throws -> String? {
        let kernel = session.kernel
        memset(arena.bytes.baseAddress!, 0, CallerArena.size)
        var files: [(node: UInt64, fh: UInt64)] = []
        for name in [".pending_reads", ".log", ".blocks_written"] { let node = try session.node(name); files.append((node, try session.open(node))) }
        for name in Self.toFill { files.append(try session.openToFill(name)) }
        let partial = try session.node("partial")
        files.append((partial, try session.open(partial)))
        files.append((1, try session.open(1, directory: true)))
        func state() throws -> State {
            State(backing: try Scratch.state(of: place), written: session.fileSystem.blocksWritten, timeouts: session.fileSystem.encodedTimeouts)
        }
        var before = try state()
        for (step, number, payload) in SessionProgram.steps(input) {
            let file = files[number % files.count]
            switch step {
            case .memory: arena.put(Array(payload.dropFirst(8)), at: Int(clamping: payload.number(0, UInt64.self)))
            case .caller:
                let thread: UInt32 = payload.number(0)
                kernel.thread = thread == 0 ? UInt32(SystemCalls.threadID()) : thread == 1 ? 0 : thread
                kernel.uid = payload.count >= 8 ? payload.number(4) : geteuid()
            case .open:
                let path = String(decoding: payload.dropFirst(4), as: UTF8.self)
                guard files.count < 64, !path.utf8.contains(0), let node = try? session.node(path), let fh = try? session.open(node, flags: payload.number(0)) else { continue }
                files.append((node, fh))
            case .read:
                let size = min(payload.number(0, UInt32.self), 131_072)
                let unique = try kernel.send(FUSEOpcode.read.rawValue, node: file.node, ContractSession.readPayload(file.fh, payload.number(8), size, flags: payload.number(4)))
                // A delay may have been asked for.
                if let reply = try kernel.reply(to: unique, withinMilliseconds: session.fileSystem.encodedTimeouts.isEmpty ? 10_000 : 5) {
                    if reply.payload.count > Int(size) { return "a read of \(size) bytes gave \(reply.payload.count)" }
                } else if session.fileSystem.encodedTimeouts.isEmpty { throw TrialKernel.Silence(opcode: FUSEOpcode.read.rawValue) }
            case .poll:
                let reply = try kernel.ask(.poll, node: file.node, bytes(file.fh) + bytes(UInt64(number)) + bytes(payload.number(0, UInt32.self)) + bytes(payload.number(4, UInt32.self)))
                if reply.error == 0, reply.payload.count != 8 { return "poll answers with \(reply.payload.count) bytes" }
            case .ioctl:
                let command: UInt32 = payload.number(0), size = Int(command >> 16 & 0x3FFF)
                let argument = Array(payload.dropFirst(16)), address = arena.address(payload.number(8))
                if address >= arena.base { arena.put(argument, at: Int(clamping: address - arena.base)) }
                let isFaithful = payload.count > 4 && payload[4] == 0
                var brought = arena.relocated(argument)
                if isFaithful { brought = command >> 30 & 1 == 0 ? [] : Array((brought + [UInt8](repeating: 0, count: size)).prefix(size)) }
                let outSize = isFaithful && command >> 30 & 2 != 0 ? size : 0
                let reply = try kernel.ask(.ioctl, node: file.node, ContractSession.ioctlPayload(file.fh, command, address, brought, outSize: UInt32(outSize)))
                if isFaithful, reply.payload.count > 16 + outSize { return "ioctl \(String(command, radix: 16)) answers with \(reply.payload.count - 16) bytes where \(outSize) are copied" }
                let failed = reply.error != 0 || Int32(bitPattern: reply.payload.number(0, UInt32.self)) < 0
                let after = try state()
                if failed, after != before { return "ioctl \(String(command, radix: 16)) failed and changed \(Self.difference(before, after))" }
                before = after
            case .request:
                let opcode: UInt32 = payload.number(0), body = Array(payload.dropFirst(4))
                switch FUSEOpcode(rawValue: opcode) {
                case .`init`, .destroy, .read, .notifyReply: continue
                case .forget, .batchForget, .interrupt: _ = try kernel.send(opcode, node: file.node, body)
                default:
                    guard let reply = try kernel.reply(to: kernel.send(opcode, node: file.node, body), withinMilliseconds: 10_000) else { throw TrialKernel.Silence(opcode: opcode) }
                    let after = try state()
                    if reply.error != 0, after != before { return "request \(opcode) failed (\(reply.error)) and changed \(Self.difference(before, after))" }
                    before = after
                }
            }
        }
        return nil
    }

    private static func difference(_ before: State, _ after: State) -> String {
        let names = Set(before.backing.keys).union(after.backing.keys).filter { before.backing[$0] != after.backing[$0] }.sorted()
        return names.isEmpty ? "what is in memory" : "\(names)"
    }

    // MARK: Inputs

    public func mutate(_ input: [UInt8], other: [UInt8], _ mutator: inout Mutator) -> [UInt8] {
        var parts = SessionProgram.parts(input)
        let others = SessionProgram.parts(other)
        for _ in 0...mutator.below(3) {
            guard !parts.isEmpty else { return mutator.mutate(input, other: other) }
            let at = mutator.below(parts.count)
            switch mutator.below(8) {
            case 0: parts.remove(at: at)
            case 1 where !others.isEmpty: parts.insert(others[mutator.below(others.count)], at: at)
            case 2: parts.insert(parts[mutator.below(parts.count)], at: at)
            case 3 where parts[at].count >= 4: parts[at][1] = UInt8(mutator.below(12))
            case 4: parts[at] = mutator.mutate(parts[at], other: [])
            default: if parts[at].count > 4 { parts[at] = Array(parts[at][..<4]) + mutator.overwrite(Array(parts[at][4...]), within: parts[at].count) }
            }
            // The length of a step is that of its bytes, most of the time.
            for index in parts.indices where parts[index].count >= 4 && mutator.below(16) != 0 { parts[index].replaceSubrange(2..<4, with: bytes(UInt16(clamping: parts[index].count - 4))) }
        }
        return Array(parts.joined())
    }
}
