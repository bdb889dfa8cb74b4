import FUSEProtocol
import FUSESession
import LinuxSystem
import PackageFormat
import VolumeCore

extension PackageFileSystem {
    /// READ (field rules): all present – answer; direct – park whole; more than a page – refuse at once, it is readahead;
    /// one page – park, it is demand.
    func read(_ index: Int, _ read: FUSERead, _ header: FUSERequestHeader, _ reply: consuming FUSEReply, _ buffer: UnsafeMutableRawBufferPointer) {
        let node = tree.node(index)
        guard node.kind == .regular else { return reply.error(.isDirectory) }
        guard Int(read.size) <= buffer.count else { return reply.error(.invalidArgument) }
        let target = UnsafeMutableRawBufferPointer(rebasing: buffer[..<Int(read.size)])
        switch volume.read(node: node, at: read.offset, into: target) {
        case .bytes(let count):
            // The window was refused, and its blocks have come since: one push instead of a request for each page.
            if read.size == Self.pageSize, !read.isDirect, let end = volume.takeWalkedWindow(node: UInt32(index), at: read.offset),
                end > read.offset + UInt64(read.size), let object = node.objectNumber
            {
                let parked = reply.park()
                return answering.answer(
                    PendingRead(
                        unique: parked.unique, descriptor: parked.descriptor, processID: header.pid, node: UInt32(index), object: object,
                        offset: read.offset, size: read.size, isDirect: false, since: .now, deadline: nil), pushingTo: end)
            }
            reply.data(UnsafeRawBufferPointer(rebasing: target[..<count]))
        case .failed(let error): reply.error(error)
        case .missing:
            if !read.isDirect {
                if read.size > Self.pageSize {
                    if volume.refuseReadahead(node: node, number: UInt32(index), processID: header.pid, offset: read.offset, size: read.size) {
                        return reply.error(.resourceTemporarilyUnavailable)
                    }
                } else {
                    volume.sawSinglePage(processID: header.pid)
                }
            }
            guard let object = node.objectNumber else { return reply.error(.ioError) }
            let now = MonotonicTime.now
            let parked = reply.park()
            volume.park(
                PendingRead(
                    unique: parked.unique, descriptor: parked.descriptor, processID: header.pid, node: UInt32(index), object: object,
                    offset: read.offset, size: read.size, isDirect: read.isDirect, since: now,
                    deadline: readTimeout == 0 ? nil : MonotonicTime(nanoseconds: now.nanoseconds + readTimeout)))
        }
    }

    /// LSEEK of `SEEK_DATA` and `SEEK_HOLE`. Where the published holes are not known yet the answer is the safe one: all is data.
    func seek(_ index: Int, _ offset: UInt64, _ whence: UInt32, _ reply: consuming FUSEReply) {
        let node = tree.node(index)
        guard node.kind == .regular, whence == 3 || whence == 4 else { return reply.error(.invalidArgument) }
        switch volume.seek(node: node, from: offset, whence: whence) {
        case .success(let position): reply.lseek(position)
        case .failure(let error): reply.error(error)
        case nil: reply.lseek(whence == 3 ? offset : node.size)
        }
    }
}
