import ContractVolume
import FUSEProtocol
import FUSESession
import Glibc
import ImageFormat
import LinuxSystem

/// `.cmd`.
extension ImageFileSystem {
    // MARK: Pending reads

    /// A record: 0 inode, 8 block, 12 serial number.
    static let recordSize = 16

    func readCommand(_ read: FUSERead, _ reply: consuming FUSEReply, _ buffer: UnsafeMutableRawBufferPointer) {
        let room = min(Int(read.size), buffer.count) / Self.recordSize
        // As many as there are for a buffer that takes none would look like an end.
        guard room > 0 || read.size == 0 else { return reply.error(.invalidArgument) }
        let records = reading.state.withLock { state in handles.moveCursor(read.fh) { state.pending.records(after: &$0, limit: room) } }
        guard let records else { return reply.error(.badFileDescriptor) }
        for (index, record) in records.enumerated() {
            let offset = index * Self.recordSize
            buffer.storeBytes(of: record.file.low.littleEndian, toByteOffset: offset, as: UInt64.self)
            buffer.storeBytes(of: record.block.littleEndian, toByteOffset: offset + 8, as: UInt32.self)
            buffer.storeBytes(of: record.serial.littleEndian, toByteOffset: offset + 12, as: UInt32.self)
        }
        reply.data(UnsafeRawBufferPointer(rebasing: buffer[..<(records.count * Self.recordSize)]))
    }

    func poll(_ node: Node, _ poll: FUSEPoll, _ reply: consuming FUSEReply) {
        guard case .command = node else { return reply.poll(ContractFileSystem.always) }
        if poll.flags & FUSEPoll.scheduleNotify != 0 { handles.sleeps(poll.fh, kh: poll.kh) }
        guard let cursor = handles.cursor(poll.fh) else { return reply.error(.badFileDescriptor) }
        reply.poll(reading.state.withLock { $0.pending.isFresh(after: cursor) } ? ContractFileSystem.readable : 0)
    }

    // MARK: Instructions

    static let instructionCall: UInt32 = 0xC048_671E
    static let instructionSize = 72
    static let instructionVersion: UInt32 = 1
    private enum Instruction { static let noop: UInt32 = 0, newFile: UInt32 = 1, addEntry: UInt32 = 3, removeEntry: UInt32 = 4 }
    /// ENOTSUPP of the kernel, which the C library has no name for.
    static let notSupported = Errno(rawValue: 524)
    /// A name that is longer is no name of any file system.
    static let longestName: UInt32 = 4096

    func instruct(_ call: FUSEIoctl, _ header: FUSERequestHeader, _ reply: consuming FUSEReply) {
        guard call.command == Self.instructionCall else { return reply.ioctl(result: -EINVAL) }
        let input = Array(call.input)
        let caller = caller(header)
        let operation = operations.begin(reply.park(), thread: header.pid)
        callThreads.run { [self] in
            var answer: (result: Int32, bytes: [UInt8])
            do throws(Errno) { answer = (0, try obey(input, caller)) } catch { answer = (-error.rawValue, []) }
            operations.end(operation)
            operation.reply.ioctl(result: answer.result, answer.bytes)
        }
    }

    /// An instruction: 0 version, 4 type, 8 body. The instruction as it goes back to the caller.
    private func obey(_ input: [UInt8], _ caller: Caller) throws(Errno) -> [UInt8] {
        guard input.count >= Self.instructionSize else { throw .badAddress }
        func word(_ offset: Int) -> UInt32 { input.withUnsafeBytes { UInt32(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: UInt32.self)) } }
        func long(_ offset: Int) -> UInt64 { UInt64(word(offset)) | UInt64(word(offset + 4)) << 32 }
        guard word(0) == Self.instructionVersion else { throw Self.notSupported }
        switch word(4) {
        case Instruction.noop: return input
        case Instruction.newFile:
            // Body: 0 out: inode, 8 size, 16 mode.
            let inode = try image.makeInode(size: long(16), mode: word(24) & 0xFFFF)
            return input[..<8] + withUnsafeBytes(of: inode.number.littleEndian) { Array($0) } + input[16...]
        case let type where type == Instruction.addEntry || type == Instruction.removeEntry:
            // Body: 0 directory, 8 child, 16 bytes of the name, 24 address of the name.
            let length = word(24)
            guard length > 0 else { throw .invalidArgument }
            guard length <= Self.longestName else { throw .tooBig }
            guard length <= UInt32(ImageLimits.longestName) else { throw .fileNameTooLong }
            let name = try caller.memory.bytes(long(32), count: Int(length))
            if type == Instruction.addEntry { try image.addName(name, in: long(8), to: long(16)) } else { try image.removeName(name, in: long(8)) }
            return input
        default: throw Self.notSupported
        }
    }

    // MARK: Blocks

    /// A descriptor: 0 inode, 8 block, 12 length, 16 address of the data, 24 compression, 28 and 32 reserved.
    static let descriptorSize = 40
    /// Blocks that are copied and stored in one piece.
    static let blocksAtOnce = 64

    func writeCommand(_ fh: UInt64, _ data: UnsafeRawBufferPointer, _ header: FUSERequestHeader, _ reply: consuming FUSEReply) {
        guard let opener = handles.opener(fh) else { return reply.error(.badFileDescriptor) }
        let input = Array(data)
        let caller = caller(header)
        let operation = operations.begin(reply.park(), thread: header.pid)
        callThreads.run { [self] in
            var written = 0, failure: Errno?
            do throws(Errno) {
                guard opener.covers(WriterIdentity(header)) else { throw .notPermitted }
                written = try storeBlocks(input, caller, operation)
            } catch { failure = error }
            operations.end(operation)
            if let failure { _ = operation.reply.error(failure); return }
            // WRITE's answer: 0 bytes taken, 4 padding.
            withUnsafeBytes(of: UInt64(written).littleEndian) { _ = operation.reply.data($0) }
        }
    }

    /// The bytes of descriptors that were dealt with, in whole descriptors; why the first could not be, if it was that one.
    private func storeBlocks(_ input: [UInt8], _ caller: Caller, _ operation: Operation) throws(Errno) -> Int {
        let count = input.count / Self.descriptorSize
        if input.isEmpty { return 0 }
        guard count > 0 else { throw .invalidArgument }
        let data = UnsafeMutableRawBufferPointer.allocate(byteCount: Self.blocksAtOnce * ImageLimits.longestCompressed, alignment: 4096)
        defer { data.deallocate() }
        var done = 0, failure: Errno?
        while done < count, failure == nil {
            if operation.isInterrupted { failure = .interrupted; break }
            let (batch, found) = copyBlocks(input, done..<min(done + Self.blocksAtOnce, count), caller.memory, data)
            var refusal = found
            let result = image.store(batch, from: UnsafeRawBufferPointer(data))
            done += result.processed
            for block in result.stored { reading.filled(ImageReadJob.key(block.inode, block.block)) }
            if let error = result.error { refusal = error }
            failure = refusal
        }
        if done == 0, let failure { throw failure }
        return done * Self.descriptorSize
    }

    /// Copies the data of the descriptors in `range`, one behind the other, up to the first that cannot be had.
    private func copyBlocks(_ input: [UInt8], _ range: Range<Int>, _ memory: CallerMemory, _ data: UnsafeMutableRawBufferPointer) -> (blocks: [ImageBlock], refusal: Errno?) {
        var blocks: [ImageBlock] = [], sources: [(address: UInt64, count: Int)] = []
        var used = 0, refusal: Errno?
        for index in range {
            let start = index * Self.descriptorSize
            func word(_ offset: Int) -> UInt32 { input.withUnsafeBytes { UInt32(littleEndian: $0.loadUnaligned(fromByteOffset: start + offset, as: UInt32.self)) } }
            func long(_ offset: Int) -> UInt64 { UInt64(word(offset)) | UInt64(word(offset + 4)) << 32 }
            let length = word(12), compression = word(24)
            guard compression <= 1 else { refusal = .invalidArgument; break }
            guard length > 0 else { refusal = .invalidArgument; break }
            guard length <= UInt32(compression == 1 ? ImageLimits.longestCompressed : ImageLimits.longestRaw) else { refusal = .tooBig; break }
            blocks.append(ImageBlock(inode: long(0), block: word(8), data: used..<used + Int(length), isCompressed: compression == 1))
            sources.append((long(16), Int(length)))
            used += Int(length)
        }
        if blocks.isEmpty { return ([], refusal) }
        do throws(Errno) {
            try memory.read(ranges: sources, into: UnsafeMutableRawBufferPointer(rebasing: data[..<used]))
            return (blocks, refusal)
        } catch {
            // One by one, up to the one whose data is not readable.
            for (index, block) in blocks.enumerated() {
                do throws(Errno) { try memory.read(sources[index].address, into: UnsafeMutableRawBufferPointer(rebasing: data[block.data])) } catch {
                    return (Array(blocks[..<index]), error)
                }
            }
            return (blocks, refusal)
        }
    }
}
