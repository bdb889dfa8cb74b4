import ContractVolume
import FUSEProtocol
import LinuxSystem

/// FILL_BLOCKS, GET_FILLED_BLOCKS, READ_FILE_SIGNATURE.
extension ContractFileSystem {
    /// A descriptor of a block: 0 index, 4 length, 8 address of the data, 16 compression, 17 flags (1: hash).
    static let blockSize = 32

    /// Its argument: how many descriptors there are, and where.
    struct FillArgument: Sendable {
        var count: UInt64
        var blocks: UInt64
    }

    /// `EPERM` for a descriptor that may not fill.
    func fillArgument(_ handle: Handle, _ address: UInt64, _ memory: CallerMemory) throws(Errno) -> FillArgument {
        guard handle.mayFill.load(ordering: .acquiring) else { throw .notPermitted }
        let bytes = try memory.bytes(address, count: 16)
        return bytes.withUnsafeBytes {
            FillArgument(count: UInt64(littleEndian: $0.loadUnaligned(as: UInt64.self)), blocks: UInt64(littleEndian: $0.loadUnaligned(fromByteOffset: 8, as: UInt64.self)))
        }
    }

    /// How many blocks from the start are stored; an error where that is none.
    func fillBlocks(_ opened: OpenedFile, _ argument: FillArgument, _ memory: CallerMemory, _ operation: Operation) throws(Errno) -> Int32 {
        let (count, blocks) = (argument.count, argument.blocks)
        return try FillBuffer.with { data throws(Errno) in try fillBlocks(opened, count, at: blocks, memory, data, operation) }
    }

    private func fillBlocks(
        _ opened: OpenedFile, _ count: UInt64, at blocks: UInt64, _ memory: CallerMemory, _ data: UnsafeMutableRawBufferPointer, _ operation: Operation
    ) throws(Errno) -> Int32 {
        var done: UInt64 = 0, stored = false
        var failure: Errno?
        while done < count, failure == nil {
            if operation.isInterrupted { failure = .interrupted; break }
            let size = Int(min(UInt64(FillBuffer.blocks), count - done))
            let (offset, overflow) = blocks.addingReportingOverflow(done &* UInt64(Self.blockSize))
            var batch: [FillBlock] = []
            do throws(Errno) {
                if overflow { throw .badAddress }
                batch = try copyBlocks(offset, size, memory, data)
            } catch { failure = error }
            // What came before a block that cannot be had is stored all the same.
            if batch.isEmpty, failure != nil { break }
            let result = opened.file.fill(batch, from: UnsafeRawBufferPointer(data))
            done += UInt64(result.processed)
            if !result.stored.isEmpty {
                stored = true
                blocksStored(opened, result.stored)
            }
            if let error = result.error { failure = error } else if batch.count < size, failure == nil { failure = lastRefusal(offset, batch.count, memory) }
        }
        if stored, opened.file.hasAllData { complete(opened.file) }
        if done > 0 { return Int32(truncatingIfNeeded: min(done, UInt64(Int32.max))) }
        if let failure { throw failure }
        return 0
    }

    /// Copies descriptors and, behind each other, their data; fewer than asked for when one cannot be had.
    private func copyBlocks(_ address: UInt64, _ count: Int, _ memory: CallerMemory, _ data: UnsafeMutableRawBufferPointer) throws(Errno) -> [FillBlock] {
        var raw: [UInt8]
        do throws(Errno) { raw = try memory.bytes(address, count: count * Self.blockSize) } catch {
            // One by one, up to the one that is not readable.
            guard count > 1, error == .badAddress else { throw error }
            raw = []
            for index in 0..<count {
                do throws(Errno) { raw += try memory.bytes(address + UInt64(index * Self.blockSize), count: Self.blockSize) } catch {
                    if error == .wouldBlock { throw error }
                    break
                }
            }
            if raw.isEmpty { throw .badAddress }
        }
        var blocks: [FillBlock] = [], ranges: [(address: UInt64, count: Int)] = []
        blocks.reserveCapacity(raw.count / Self.blockSize)
        var used = 0
        for start in stride(from: 0, to: raw.count, by: Self.blockSize) {
            let (index, length, source, compression, flags) = raw.withUnsafeBytes {
                (UInt32(littleEndian: $0.loadUnaligned(fromByteOffset: start, as: UInt32.self)), UInt32(littleEndian: $0.loadUnaligned(fromByteOffset: start + 4, as: UInt32.self)),
                    UInt64(littleEndian: $0.loadUnaligned(fromByteOffset: start + 8, as: UInt64.self)), $0[start + 16], $0[start + 17])
            }
            guard length <= UInt32(Geometry.longestBlock) else { if blocks.isEmpty { throw .tooBig }; break }
            blocks.append(FillBlock(index: index, data: used..<used + Int(length), compression: compression, isHash: flags & 1 != 0))
            if length > 0 {
                // What touches in the caller's memory is one range: the system looks up the pages of a range together.
                if let last = ranges.last, last.address &+ UInt64(last.count) == source, last.count + Int(length) <= CallerMemory.slice {
                    ranges[ranges.count - 1].count += Int(length)
                } else {
                    ranges.append((source, Int(length)))
                }
            }
            used += Int(length)
        }
        do throws(Errno) { try memory.read(ranges: ranges, into: UnsafeMutableRawBufferPointer(rebasing: data[..<used])) } catch {
            guard error == .badAddress, blocks.count > 1 else { throw error }
            // One by one, up to the one whose data is not readable.
            var readable: [FillBlock] = []
            for (index, block) in blocks.enumerated() {
                let source = raw.withUnsafeBytes { UInt64(littleEndian: $0.loadUnaligned(fromByteOffset: index * Self.blockSize + 8, as: UInt64.self)) }
                do throws(Errno) { try memory.read(source, into: UnsafeMutableRawBufferPointer(rebasing: data[block.data])) } catch {
                    if error == .wouldBlock { throw error }
                    break
                }
                readable.append(block)
            }
            if readable.isEmpty { throw .badAddress }
            return readable
        }
        return blocks
    }

    /// Why the block behind the last one of a short batch could not be had.
    private func lastRefusal(_ address: UInt64, _ index: Int, _ memory: CallerMemory) -> Errno {
        guard let raw = try? memory.bytes(address + UInt64(index * Self.blockSize), count: Self.blockSize) else { return .badAddress }
        return raw.withUnsafeBytes { UInt32(littleEndian: $0.loadUnaligned(fromByteOffset: 4, as: UInt32.self)) } > UInt32(Geometry.longestBlock) ? .tooBig : .badAddress
    }

    /// New data is there: readers go on, `.blocks_written` has moved.
    private func blocksStored(_ opened: OpenedFile, _ blocks: [UInt32]) {
        reading.state.withLock { $0.blocksWritten &+= UInt32(blocks.count) }
        pollers.wake(.blocksWritten)
        guard reading.state.withLock({ $0.pending.count > 0 }) else { return }
        for block in blocks { reading.filled(opened.file.key(of: block)) }
    }

    /// The last data block has come: gives back what was set aside, makes it durable, and takes it off `.incomplete`.
    func complete(_ file: VolumeFile) {
        // Best effort: a full disk must not turn a stored block into an error.
        try? file.trim()
        guard exists(file.identity.text, in: directory.incomplete) else { return }
        try? file.sync()
        // Another file of this id, if this one has no name any more, is not complete.
        guard let entry = try? SystemCalls.status(name: file.identity.text, in: directory.incomplete), file.isSame(as: entry) else { return }
        _ = removeReserved(file.identity, in: .incomplete)
    }

    // MARK: Questions

    /// GET_FILLED_BLOCKS' argument: 0 address of the ranges, 8 their bytes, 12 start, 16 end; out: 20 all blocks, 24 data blocks,
    /// 28 bytes of ranges, 32 how far it was looked.
    func getFilledBlocks(_ handle: Handle, _ opened: OpenedFile, _ address: UInt64, _ caller: Caller, _ operation: Operation) throws(Errno) -> (Int32, [UInt8]) {
        guard handle.mayFill.load(ordering: .acquiring) else { throw .notPermitted }
        var argument: [UInt8]
        do throws(Errno) { argument = try caller.memory.bytes(address, count: 40) } catch { throw error == .notPermitted ? error : .invalidArgument }
        func word(_ offset: Int) -> UInt32 { argument.withUnsafeBytes { UInt32(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: UInt32.self)) } }
        let target = argument.withUnsafeBytes { UInt64(littleEndian: $0.loadUnaligned(as: UInt64.self)) }
        // More ranges than blocks there are not.
        let room = min(Int(word(8)) / 8, Int(opened.file.totalBlocks) / 2 + 1)
        var scan = handle.withState { $0.scan }
        let answer = try opened.file.filledRanges(start: word(12), end: word(16), room: room, scan: &scan) { operation.isInterrupted }
        handle.withState { $0.scan = scan }
        let bytes = answer.ranges.flatMap { words([$0.begin, $0.end]) }
        var written = 0, failure: Errno?
        while written < bytes.count, failure == nil {
            let piece = min(bytes.count - written, CallerMemory.slice)
            do throws(Errno) {
                try caller.memory.write(Array(bytes[written..<written + piece]), to: target + UInt64(written))
                written += piece
            } catch { failure = error }
        }
        // The structure goes back to the caller all the same.
        argument.replaceSubrange(20..<36, with: words([opened.file.totalBlocks, opened.file.dataBlocks, UInt32(written), answer.reached]))
        if let failure { return (-failure.rawValue, argument) }
        return (answer.isInterrupted ? -Errno.interrupted.rawValue : answer.isCut ? -Errno.outOfRange.rawValue : 0, argument)
    }

    /// READ_FILE_SIGNATURE's argument: 0 address, 8 its bytes; out: 12 bytes stored.
    func readSignature(_ opened: OpenedFile, _ address: UInt64, _ caller: Caller) throws(Errno) -> (Int32, [UInt8]) {
        var argument: [UInt8]
        do throws(Errno) { argument = try caller.memory.bytes(address, count: 16) } catch { throw error == .notPermitted ? error : .invalidArgument }
        let (target, room) = argument.withUnsafeBytes {
            (UInt64(littleEndian: $0.loadUnaligned(as: UInt64.self)), Int(UInt32(littleEndian: $0.loadUnaligned(fromByteOffset: 8, as: UInt32.self))))
        }
        guard room <= Geometry.longestSignature else { throw .tooBig }
        let signature = try opened.file.signature() ?? []
        guard signature.count <= room else { throw .tooBig }
        try caller.memory.write(signature, to: target)
        argument.replaceSubrange(12..<16, with: words([UInt32(signature.count)]))
        return (0, argument)
    }
}
