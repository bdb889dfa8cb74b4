import FUSEProtocol
import Glibc
import LinuxSystem

/// The one answer to one request, bound to the descriptor that read it. Each answering function consumes it, so that a
/// second answer does not compile; dropped without an answer it answers EIO and is counted as a fault.
///
/// Must not outlive the call that it was given to: park it, and keep the `ParkedReply`. For requests that the kernel does not
/// wait for (FORGET) every function does nothing.
public struct FUSEReply: ~Copyable {
    /// -1 where no answer is expected.
    let descriptor: CInt
    let unique: UInt64
    /// Outlives all replies: the session's.
    let counters: UnsafeMutablePointer<FUSECounters>

    @inline(__always)
    init(descriptor: CInt, unique: UInt64, counters: UnsafeMutablePointer<FUSECounters>) {
        self.descriptor = descriptor
        self.unique = unique
        self.counters = counters
    }

    deinit {
        guard descriptor >= 0 else { return }
        counters.pointee.forgottenReplies.add(1, ordering: .relaxed)
        _ = DeviceWriter.reply(descriptor, unique: unique, error: EIO, UnsafeRawBufferPointer(start: nil, count: 0))
    }

    /// Answers later: gives the reply's address to keep in a table, and leaves the request unanswered.
    public consuming func park() -> ParkedReply {
        let parked = ParkedReply(descriptor: descriptor, unique: unique)
        discard self
        return parked
    }

    /// Fails the request: the caller's system call returns `error`.
    public consuming func error(_ error: Errno) { finish(error.rawValue, UnsafeRawBufferPointer(start: nil, count: 0)) }

    /// Success without a payload.
    public consuming func ok() { finish(0, UnsafeRawBufferPointer(start: nil, count: 0)) }

    /// Bytes as they are: the data of READ (fewer than asked for means the end of the file; none at all likewise), the
    /// target of READLINK, the value of GETXATTR, the list of LISTXATTR, packed directory entries.
    @inline(__always)
    public consuming func data(_ bytes: UnsafeRawBufferPointer) { finish(0, bytes) }

    /// LOOKUP; counts one lookup of the node unless its id is 0 ("no such name").
    public consuming func entry(_ entry: FUSEEntry) { encoded { FUSEEncoder.entry(entry, into: $0) } }

    /// GETATTR.
    public consuming func attributes(_ attributes: FUSEAttributes, validSeconds: UInt64) {
        encoded { FUSEEncoder.attributes(attributes, validSeconds: validSeconds, into: $0) }
    }

    /// OPEN and OPENDIR. `backingID` goes with `.passthrough`.
    public consuming func open(fh: UInt64, flags: FUSEOpenFlags, backingID: Int32 = 0) {
        encoded { FUSEEncoder.open(fh: fh, flags: flags, backingID: backingID, into: $0) }
    }

    /// STATFS.
    public consuming func statfs(_ value: FUSEStatfs) { encoded { FUSEEncoder.statfs(value, into: $0) } }

    /// GETXATTR and LISTXATTR of size 0: how long the answer would be.
    public consuming func xattrSize(_ size: UInt32) { encoded { FUSEEncoder.xattrSize(size, into: $0) } }

    /// LSEEK: the position found.
    public consuming func lseek(_ offset: UInt64) { encoded { FUSEEncoder.lseek(offset: offset, into: $0) } }

    /// POLL: the events that are ready, of poll(2).
    public consuming func poll(_ events: UInt32) { encoded { FUSEEncoder.poll(events: events, into: $0) } }

    /// IOCTL: what ioctl(2) returns, and the bytes for the caller's argument, at most `outSize` of the request.
    public consuming func ioctl(result: Int32, _ bytes: UnsafeRawBufferPointer = UnsafeRawBufferPointer(start: nil, count: 0)) {
        let size = FUSELayout.IoctlOut.size
        let (descriptor, unique, counters) = (descriptor, unique, counters)
        discard self
        withUnsafeTemporaryAllocation(byteCount: size + bytes.count, alignment: 8) { buffer in
            _ = FUSEEncoder.ioctl(result: result, into: buffer)
            if !bytes.isEmpty { UnsafeMutableRawBufferPointer(rebasing: buffer[size...]).copyMemory(from: bytes) }
            Self.send(descriptor, unique, counters, 0, UnsafeRawBufferPointer(buffer))
        }
    }

    /// INIT, which the session answers itself.
    consuming func initialized(_ reply: FUSEInitReply) { encoded { FUSEEncoder.initReply(reply, into: $0) } }

    /// Encodes a fixed structure on the stack and sends it.
    private consuming func encoded(_ encode: (UnsafeMutableRawBufferPointer) -> Int) {
        let (descriptor, unique, counters) = (descriptor, unique, counters)
        discard self
        withUnsafeTemporaryAllocation(byteCount: FUSEEncoder.maximumSize, alignment: 8) { buffer in
            let length = encode(buffer)
            Self.send(descriptor, unique, counters, 0, UnsafeRawBufferPointer(rebasing: buffer[..<length]))
        }
    }

    @inline(__always)
    private consuming func finish(_ error: CInt, _ payload: UnsafeRawBufferPointer) {
        let (descriptor, unique, counters) = (descriptor, unique, counters)
        discard self
        Self.send(descriptor, unique, counters, error, payload)
    }

    @inline(__always)
    private static func send(
        _ descriptor: CInt, _ unique: UInt64, _ counters: UnsafeMutablePointer<FUSECounters>, _ error: CInt, _ payload: UnsafeRawBufferPointer
    ) {
        guard descriptor >= 0 else { return }
        let failure = DeviceWriter.reply(descriptor, unique: unique, error: error, payload)
        if failure != 0 { refused(descriptor, unique, counters, failure) }
    }

    /// The kernel did not take the reply. Where somebody may still wait, he gets EIO instead of waiting for ever.
    @inline(never)
    private static func refused(_ descriptor: CInt, _ unique: UInt64, _ counters: UnsafeMutablePointer<FUSECounters>, _ failure: CInt) {
        if DeviceWriter.meansGone(failure) {
            counters.pointee.lateReplies.add(1, ordering: .relaxed)
        } else {
            counters.pointee.failedReplies.add(1, ordering: .relaxed)
            _ = DeviceWriter.reply(descriptor, unique: unique, error: EIO, UnsafeRawBufferPointer(start: nil, count: 0))
        }
    }
}
