import ContractVolume
import FUSEProtocol
import FUSESession
import Glibc
import LinuxSystem

/// The ioctls: their numbers, and who answers them where.
enum ContractCall {
    static let createFile: UInt32 = 0xC058_671E
    static let readSignature: UInt32 = 0x8010_671F
    static let fillBlocks: UInt32 = 0x8010_6720
    static let permitFill: UInt32 = 0x4004_6721
    static let getFilledBlocks: UInt32 = 0x8028_6722
    static let createMappedFile: UInt32 = 0xC038_6723
    static let getBlockCount: UInt32 = 0x8010_6724
    static let getReadTimeouts: UInt32 = 0x8010_6725
    static let setReadTimeouts: UInt32 = 0x4010_6726
    static let getLastReadError: UInt32 = 0x4030_6727
    static let getFlags: UInt32 = 0x8008_6601
    /// The same of a 32-bit program.
    static let getFlags32: UInt32 = 0x8004_6601
    static let enableVerity: UInt32 = 0x4080_6685
    static let measureVerity: UInt32 = 0xC004_6686
    static let readVerityMetadata: UInt32 = 0xC028_6687
    /// Our own, by which one of our threads finds out which open file a descriptor is: `_IO('g', 0x7f)`.
    static let identify: UInt32 = 0x0000_677F

    /// `FS_VERITY_FL`.
    static let verityFlag: UInt32 = 0x0010_0000
}

extension ContractFileSystem {
    /// What is refused without a look at it is refused in the reply's header: the kernel makes some calls of its own (FS_IOC_GETFLAGS and
    /// its kin), takes nothing but their whole result as an answer, and gives EIO for anything else.
    func ioctl(_ node: Node, _ call: FUSEIoctl, _ header: FUSERequestHeader, _ reply: consuming FUSEReply) {
        guard call.flags & FUSEIoctl.directoryFlag == 0, let handle = handles.handle(call.fh) else { return reply.error(.inappropriateIOCTLForDevice) }
        switch handle.kind {
        case .directory: reply.error(.inappropriateIOCTLForDevice)
        case .special(.pendingReads): command(call, header, reply)
        case .special: reply.error(.inappropriateIOCTLForDevice)
        case .file(let opened): fileCall(handle, opened, call, header, reply)
        }
    }

    private func command(_ call: FUSEIoctl, _ header: FUSERequestHeader, _ reply: consuming FUSEReply) {
        let input = Array(call.input), address = call.argument
        let caller = caller(header)
        switch call.command {
        case ContractCall.createFile:
            run(createThreads, header, reply) { _ throws(Errno) in
                try self.createFile(input, caller)
                return (0, [])
            }
        case ContractCall.createMappedFile:
            run(createThreads, header, reply) { _ throws(Errno) in
                try self.createMappedFile(input, caller)
                return (0, [])
            }
        case ContractCall.permitFill: run(callThreads, header, reply) { _ throws(Errno) in try self.permitFill(input, caller) }
        case ContractCall.getReadTimeouts: run(callThreads, header, reply) { _ throws(Errno) in try self.getReadTimeouts(address, caller) }
        case ContractCall.setReadTimeouts: run(callThreads, header, reply) { _ throws(Errno) in try self.setReadTimeouts(input, caller) }
        case ContractCall.getLastReadError:
            run(callThreads, header, reply) { _ throws(Errno) in
                try caller.memory.write(self.reading.state.withLock { $0.lastError.encoded }, to: address)
                return (0, [])
            }
        default: reply.error(.invalidArgument)
        }
    }

    private func fileCall(_ handle: Handle, _ opened: OpenedFile, _ call: FUSEIoctl, _ header: FUSERequestHeader, _ reply: consuming FUSEReply) {
        let input = Array(call.input), address = call.argument
        let caller = caller(header)
        switch call.command {
        case ContractCall.identify where asking.withLock({ $0.contains(header.pid) }):
            handle.mayFill.store(true, ordering: .releasing)
            reply.ioctl(result: 0)
        case ContractCall.fillBlocks: fillCall(handle, opened, address, caller, header, reply)
        case ContractCall.getFilledBlocks: run(callThreads, header, reply) { operation throws(Errno) in try self.getFilledBlocks(handle, opened, address, caller, operation) }
        case ContractCall.getBlockCount:
            let file = opened.file, counts = file.counts
            reply.park().ioctl(result: 0, words([file.dataBlocks, counts.dataFilled, file.hashBlocks, counts.hashFilled]))
        case ContractCall.readSignature: run(callThreads, header, reply) { _ throws(Errno) in try self.readSignature(opened, address, caller) }
        case ContractCall.getFlags, ContractCall.getFlags32:
            reply.park().ioctl(result: 0, words([handle.node.isVerity() ? ContractCall.verityFlag : 0]))
        case ContractCall.enableVerity: run(callThreads, header, reply) { _ throws(Errno) in try self.enableVerity(handle.node, opened, input, caller) }
        case ContractCall.measureVerity:
            let outSize = call.outSize
            run(callThreads, header, reply) { _ throws(Errno) in try self.measureVerity(handle.node, opened, input, outSize, address, caller) }
        case ContractCall.readVerityMetadata: run(callThreads, header, reply) { _ throws(Errno) in try self.readVerityMetadata(opened, input, caller) }
        default: reply.error(.invalidArgument)
        }
    }

    func words(_ words: [UInt32]) -> [UInt8] { words.flatMap { word in withUnsafeBytes(of: word.littleEndian) { Array($0) } } }

    /// On one of `threads`; what `body` throws is the result.
    private func run(
        _ threads: RequestThreads, _ header: FUSERequestHeader, _ reply: consuming FUSEReply,
        _ body: @escaping @Sendable (Operation) throws(Errno) -> (result: Int32, bytes: [UInt8])
    ) {
        let operation = operations.begin(reply.park(), thread: header.pid)
        threads.run {
            var answer: (result: Int32, bytes: [UInt8])
            do throws(Errno) { answer = try body(operation) } catch { answer = (-error.rawValue, []) }
            // Before the answer: after it the number may be another request's.
            self.operations.end(operation)
            operation.reply.ioctl(result: answer.result, answer.bytes)
        }
    }

    /// FILL_BLOCKS, on this very thread where that is allowed and the call is a short one.
    private func fillCall(_ handle: Handle, _ opened: OpenedFile, _ address: UInt64, _ caller: Caller, _ header: FUSERequestHeader, _ reply: consuming FUSEReply) {
        let mayStay = inlineCalls.begin()
        let operation = operations.begin(reply.park(), thread: header.pid)
        if mayStay {
            let memory = CallerMemory(thread: caller.thread, copier: .present(inlineCalls.pages))
            let result = fill(handle, opened, address, memory, operation, most: UInt64(FillBuffer.blocks))
            // Before the answer: the next call may come to the other worker as soon as that is there.
            inlineCalls.end()
            if let result { return answer(operation, result) }
        }
        callThreads.run { self.answer(operation, self.fill(handle, opened, address, caller.memory, operation, most: .max) ?? -EIO) }
    }

    /// nil where nothing is done yet, because there are more than `most` blocks or `memory` would have to wait.
    private func fill(_ handle: Handle, _ opened: OpenedFile, _ address: UInt64, _ memory: CallerMemory, _ operation: Operation, most: UInt64) -> Int32? {
        do throws(Errno) {
            let argument = try fillArgument(handle, address, memory)
            return argument.count > most ? nil : try fillBlocks(opened, argument, memory, operation)
        } catch { return error == .wouldBlock && memory.neverWaits ? nil : -error.rawValue }
    }

    private func answer(_ operation: Operation, _ result: Int32) {
        // Before the answer: after it the number may be another request's.
        operations.end(operation)
        operation.reply.ioctl(result: result, [])
    }

    // MARK: Permission

    /// PERMIT_FILL: a descriptor of the caller's is found out by a request of our own on a duplicate of it, which the kernel sends
    /// back to us with the number of the open file.
    private func permitFill(_ input: [UInt8], _ caller: Caller) throws(Errno) -> (Int32, [UInt8]) {
        guard input.count >= 4 else { throw .badAddress }
        let number = input.withUnsafeBytes { UInt32(littleEndian: $0.loadUnaligned(as: UInt32.self)) }
        try helpers.ask { () throws(Errno) in try self.permit(number, caller) }
        return (0, [])
    }

    /// On a thread with descriptors of its own, the duplicate among them.
    private func permit(_ number: UInt32, _ caller: Caller) throws(Errno) {
        let duplicate: OwnedDescriptor
        do throws(Errno) { duplicate = try caller.descriptor(number) } catch {
            throw error == .badFileDescriptor ? .noSuchFileOrDirectory : .notPermitted
        }
        // It may be a file of somebody's own FUSE server: that one is not asked, and closing it, which asks, is not waited for.
        let status = try SystemCalls.quietStatus(of: duplicate.rawValue)
        guard let device = device.withLock({ $0 }), status.deviceMajor == device.major, status.deviceMinor == device.minor else {
            let raw = duplicate.take()
            Thread(name: "contract-close") { SystemCalls.close(raw) }.detach()
            throw .notPermitted
        }
        guard status.mode & S_IFMT == S_IFREG else { throw .notPermitted }
        let thread = UInt32(SystemCalls.threadID())
        asking.withLock { _ = $0.insert(thread) }
        defer { asking.withLock { _ = $0.remove(thread) } }
        var unused: UInt32 = 0
        do throws(Errno) { try SystemCalls.ioctl(duplicate.rawValue, UInt(ContractCall.identify), &unused) } catch { throw .notPermitted }
    }

    // MARK: Time-outs

    private func setReadTimeouts(_ input: [UInt8], _ caller: Caller) throws(Errno) -> (Int32, [UInt8]) {
        guard input.count >= 12 else { throw .invalidArgument }
        let (address, size) = input.withUnsafeBytes {
            (UInt64(littleEndian: $0.loadUnaligned(as: UInt64.self)), Int(UInt32(littleEndian: $0.loadUnaligned(fromByteOffset: 8, as: UInt32.self))))
        }
        guard size <= UserTimeouts.mostBytes, size % UserTimeouts.entrySize == 0 else { throw .invalidArgument }
        let bytes: [UInt8]
        do throws(Errno) { bytes = size == 0 ? [] : try caller.memory.bytes(address, count: size) } catch { throw error == .notPermitted ? error : .invalidArgument }
        let entries = bytes.withUnsafeBytes { UserTimeouts.decode($0) }
        guard reading.state.withLock({ $0.timeouts.replace(entries) }) else { throw .invalidArgument }
        return (0, [])
    }

    private func getReadTimeouts(_ address: UInt64, _ caller: Caller) throws(Errno) -> (Int32, [UInt8]) {
        var argument: [UInt8]
        do throws(Errno) { argument = try caller.memory.bytes(address, count: 16) } catch { throw error == .notPermitted ? error : .invalidArgument }
        let (target, room) = argument.withUnsafeBytes {
            (UInt64(littleEndian: $0.loadUnaligned(as: UInt64.self)), Int(UInt32(littleEndian: $0.loadUnaligned(fromByteOffset: 8, as: UInt32.self))))
        }
        guard room <= UserTimeouts.mostBytes else { throw .invalidArgument }
        let table = reading.state.withLock { $0.timeouts.encoded }
        argument.replaceSubrange(12..<16, with: words([UInt32(table.count)]))
        if room < table.count { return (-E2BIG, argument) }
        try caller.memory.write(table, to: target)
        return (0, argument)
    }
}
