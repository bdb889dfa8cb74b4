import ContractVolume
import FUSEProtocol
import FUSESession
import Glibc
import LinuxSystem

extension ContractFileSystem {
    func open(_ node: Node, _ flags: UInt32, _ reply: consuming FUSEReply) {
        switch node.kind {
        case .special(let file):
            let handle = handles.open(node, .special(file))
            if file == .log { handle.withState { handle in handle.log = reading.state.withLock { $0.log.end } } }
            // Each read reaches us, with its own length.
            reply.open(fh: handle.id, flags: .directIO)
        case .regular:
            if flags & FUSELimits.directFlag != 0 { return reply.error(.invalidArgument) }
            do throws(Errno) {
                let opened = try openFile(node)
                let handle = handles.open(node, .file(opened))
                // Content never changes; and to drop what is cached the kernel would wait for every page that a reader waits for: a loader that opens the file to
                // fill it would never get to it. Who opened it for writing must not get his bytes into the page cache before he is refused.
                reply.open(fh: handle.id, flags: flags & 3 == 0 ? .keepCache : [.keepCache, .directIO])
            } catch {
                // 524 is no number that a reply can carry.
                reply.error(error == .kernelNotSupported ? .notSupported : error)
            }
        default: reply.error(.isDirectory)
        }
    }

    /// Checked once for as long as the kernel knows the node.
    func openFile(_ node: Node) throws(Errno) -> OpenedFile {
        if let opened = node.opened.withLock({ $0 }) { return opened }
        let opened = try directory.files.open(node.descriptor)
        if node.isVerity() { try checkBuiltInSignature(opened.file) }
        return node.opened.withLock { known in
            if let known { return known }
            known = opened
            return opened
        }
    }

    func release(_ fh: UInt64) {
        guard let handle = handles.release(fh), case .special(let file) = handle.kind else { return }
        pollers.remove(handle, file)
    }

    func read(_ node: Node, _ read: FUSERead, _ header: FUSERequestHeader, _ reply: consuming FUSEReply, _ buffer: UnsafeMutableRawBufferPointer) {
        guard let handle = handles.handle(read.fh) else { return reply.error(.badFileDescriptor) }
        switch handle.kind {
        case .file(let opened): reading.read(opened, node: node, read, header, reply, buffer)
        case .special(let file): reply.data(readSpecial(file, handle, UnsafeMutableRawBufferPointer(rebasing: buffer[..<min(Int(read.size), buffer.count)])))
        case .directory: reply.error(.isDirectory)
        }
    }

    // MARK: Special files

    /// The most bytes of records of one read of `.pending_reads`.
    static let pendingBytes = 4096

    private func readSpecial(_ file: SpecialFile, _ handle: Handle, _ buffer: UnsafeMutableRawBufferPointer) -> UnsafeRawBufferPointer {
        switch file {
        case .pendingReads:
            return encode(buffer) { state, room in
                handle.withState { state.pending.records(after: &$0.cursor, limit: min(room, Self.pendingBytes / ReadRecord.size(withUser: state.options.reportsUser))) }
            }
        case .log:
            return encode(buffer) { state, room in
                handle.withState { handle in
                    var cursor = handle.log ?? state.log.end
                    defer { handle.log = cursor }
                    return state.log.records(&cursor, limit: room)
                }
            }
        case .blocksWritten:
            let written = reading.state.withLock { $0.blocksWritten }
            let text = handle.withState { handle -> [UInt8] in
                if handle.returned == written { return [] }
                handle.returned = written
                return Array(String(written).utf8)
            }
            let count = min(text.count, buffer.count)
            buffer.copyBytes(from: text.prefix(count))
            return UnsafeRawBufferPointer(rebasing: buffer[..<count])
        }
    }

    private func encode(_ buffer: UnsafeMutableRawBufferPointer, _ take: (inout ReadState, Int) -> [ReadRecord]) -> UnsafeRawBufferPointer {
        let (records, withUser) = reading.state.withLock { state in
            let withUser = state.options.reportsUser
            return (take(&state, buffer.count / ReadRecord.size(withUser: withUser)), withUser)
        }
        let size = ReadRecord.size(withUser: withUser)
        for (index, record) in records.enumerated() { record.encode(into: buffer, at: index * size, withUser: withUser) }
        return UnsafeRawBufferPointer(rebasing: buffer[..<(records.count * size)])
    }

    /// `POLLIN | POLLRDNORM`, and what a regular file always is: `POLLOUT | POLLWRNORM` as well.
    static let readable: UInt32 = 0x001 | 0x040, always: UInt32 = readable | 0x004 | 0x100

    func poll(_ node: Node, _ poll: FUSEPoll, _ reply: consuming FUSEReply) {
        guard let handle = handles.handle(poll.fh), case .special(let file) = handle.kind else { return reply.poll(Self.always) }
        if poll.flags & FUSEPoll.scheduleNotify != 0 { pollers.add(handle, file, kh: poll.kh) }
        let isReady = reading.state.withLock { state in
            handle.withState { handle in
                switch file {
                case .pendingReads: state.pending.isFresh(after: handle.cursor)
                case .log: handle.log.map { state.log.isOn && state.log.uncollected($0) >= UInt64(state.options.logWakeupCount) } ?? false
                case .blocksWritten: handle.returned != state.blocksWritten
                }
            }
        }
        reply.poll(isReady ? Self.readable : 0)
    }
}
