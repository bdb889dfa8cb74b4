import LinuxSystem
import PackageFormat
import Synchronization

/// Chunks that have just arrived, verified and stored, and that a reader wants: each block answers its first read out of memory.
/// The store hashes what it reads, which for a block that was hashed a moment ago is work done twice; the reader of a missing
/// file would pay it for every block. A block is given once: who reads it again reads the store, and finds what its disk has done to it.
///
/// Fixed number of slots, memory as it is needed; the oldest gives way. Reading allocates nothing, and copies outside the lock.
final class ArrivedBytes: Sendable {
    /// Bytes kept, at most, as long as a chunk fits in a half of it: the largest readahead window and what is on the wire behind it.
    static let limit = 6 << 20
    /// What nobody has read after so long is let go, in milliseconds.
    static let lifetime: UInt64 = 1000
    /// Pieces shorter than this are not worth it.
    static let shortestPiece = 16 * 1024

    /// Room for one chunk, with the thread that fills it as its only user until it is published or given back.
    struct Room {
        fileprivate let slot: Int
        let bytes: UnsafeMutableRawBufferPointer
        /// Its memory was mapped for it: `sweep` gives it back some time.
        let isNew: Bool
    }

    private struct Piece {
        var object: UInt32
        var file: Range<UInt64>
        /// Where `file` starts in the slot's memory.
        var offset: Int
        /// The bit of its first block in the slot's `unread`.
        var firstBit: Int
    }

    private enum Use { case free, filling, readable }

    /// A class: nothing is copied when bits of it change.
    private final class Slot {
        var use = Use.free
        var memory: AlignedBuffer?
        var pieces: [Piece] = []
        /// A bit for each block that was not given yet.
        var unread: [UInt64]
        var unreadCount = 0
        /// Readers that copy out of the memory now.
        var readers = 0
        var arrived = MonotonicTime(nanoseconds: 0)

        init(bits: Int) { unread = Array(repeating: 0, count: (bits + 63) / 64) }
    }

    private struct State: ~Copyable {
        var slots: [Slot]
        /// Whose turn it is to give way.
        var next = 0
    }

    private let state: Mutex<State>
    /// Slots with something to read: spares a present read the lock.
    private let readable = Atomic<Int>(0)
    private let chunkSize: Int
    private let maximumPieces: Int

    init(chunkSize: Int) {
        self.chunkSize = chunkSize
        maximumPieces = max(1, chunkSize / Self.shortestPiece)
        // A piece that starts inside a block of the chunk has one block more than its share.
        let bits = (chunkSize + 4095) / 4096 + maximumPieces
        // No piece of a chunk that is shorter is worth it.
        let slots = chunkSize < Self.shortestPiece ? 0 : max(2, Self.limit / chunkSize)
        state = Mutex(State(slots: (0..<slots).map { _ in Slot(bits: bits) }))
    }

    var isEmpty: Bool { readable.load(ordering: .acquiring) == 0 }

    // MARK: Arriving

    /// Room for a chunk; nil while all of it is being filled or copied, and for chunks that are never worth it.
    func claim() -> Room? {
        let claimed = state.withLock { state -> (slot: Int, memory: AlignedBuffer?)? in
            for _ in state.slots.indices {
                let i = state.next
                state.next = (i + 1) % state.slots.count
                let slot = state.slots[i]
                guard slot.use != .filling, slot.readers == 0 else { continue }
                empty(slot)
                slot.use = .filling
                return (i, slot.memory)
            }
            return nil
        }
        guard let (slot, kept) = claimed else { return nil }
        // Mapped outside the lock, which readers take.
        let memory = kept ?? AlignedBuffer(count: chunkSize)
        if kept == nil { state.withLock { $0.slots[slot].memory = memory } }
        return Room(slot: slot, bytes: UnsafeMutableRawBufferPointer(rebasing: memory.bytes[..<chunkSize]), isNew: kept == nil)
    }

    /// Bytes `file` of `object` lie at `offset` of the room, verified and stored. Before `publish`.
    func add(_ object: UInt32, _ file: Range<UInt64>, at offset: Int, to room: Room) {
        guard file.count >= Self.shortestPiece else { return }
        state.withLock { state in
            let slot = state.slots[room.slot]
            let firstBit = slot.unreadCount
            let blocks = (file.count + 4095) / 4096
            // Nothing forbids a publisher to have several files share the same bytes of a chunk.
            guard slot.pieces.count < maximumPieces, firstBit + blocks <= slot.unread.count * 64 else { return }
            slot.pieces.append(Piece(object: object, file: file, offset: offset, firstBit: firstBit))
            for bit in firstBit..<firstBit + blocks { slot.unread[bit / 64] |= 1 << UInt64(bit % 64) }
            slot.unreadCount += blocks
        }
    }

    /// The room's pieces can be read from now on; one without any is free again.
    func publish(_ room: Room, now: MonotonicTime) {
        state.withLock { state in
            let slot = state.slots[room.slot]
            guard slot.unreadCount > 0 else {
                slot.use = .free
                return
            }
            slot.use = .readable
            slot.arrived = now
            readable.add(1, ordering: .releasing)
        }
    }

    // MARK: Reading

    /// Copies what is here of `object` from `range`'s start on, without a gap; returns how many bytes. They are not given again.
    func take(_ range: Range<UInt64>, of object: UInt32, into buffer: UnsafeMutableRawBufferPointer) -> Int {
        if isEmpty || range.lowerBound % 4096 != 0 { return 0 }
        let wanted = Int(range.upperBound - range.lowerBound)
        var done = 0
        while done < wanted {
            let position = range.lowerBound + UInt64(done)
            guard let found = state.withLock({ find(position..<range.upperBound, object, &$0) }) else { break }
            (buffer.baseAddress! + done).copyMemory(from: found.start, byteCount: found.count)
            done += found.count
            state.withLock { state in
                let slot = state.slots[found.slot]
                slot.readers -= 1
                if slot.unreadCount == 0, slot.readers == 0 { empty(slot) }
            }
        }
        return done
    }

    /// Marks the blocks at the start of `range` as given, as far as one piece has them unread, and the slot as being copied from.
    private func find(_ range: Range<UInt64>, _ object: UInt32, _ state: inout State) -> (slot: Int, start: UnsafeRawPointer, count: Int)? {
        for i in state.slots.indices where state.slots[i].use == .readable {
            let slot = state.slots[i]
            for number in 0..<slot.pieces.count {
                let piece = slot.pieces[number]
                guard piece.object == object, piece.file.lowerBound <= range.lowerBound, range.lowerBound < piece.file.upperBound else { continue }
                let end = min(range.upperBound, piece.file.upperBound)
                let first = piece.firstBit + Int((range.lowerBound - piece.file.lowerBound) / 4096)
                // A block of which only the beginning is wanted has been given as well.
                let last = piece.firstBit + Int((end - piece.file.lowerBound + 4095) / 4096)
                var bit = first
                while bit < last, slot.unread[bit / 64] >> UInt64(bit % 64) & 1 == 1 {
                    slot.unread[bit / 64] &= ~(1 << UInt64(bit % 64))
                    bit += 1
                }
                guard bit > first else { continue }
                slot.unreadCount -= bit - first
                slot.readers += 1
                let count = min(end - range.lowerBound, UInt64(bit - first) * 4096)
                let offset = piece.offset + Int(range.lowerBound - piece.file.lowerBound)
                return (i, UnsafeRawPointer(slot.memory!.bytes.baseAddress! + offset), Int(count))
            }
        }
        return nil
    }

    // MARK: Letting go

    /// Lets go of what nobody has read in time, and of the memory that is not used. Now and then, from any thread.
    func sweep(now: MonotonicTime) {
        let unused = state.withLock { state in
            var unused: [AlignedBuffer] = []
            for slot in state.slots where slot.readers == 0 && slot.use != .filling {
                if slot.use == .readable, now.since(slot.arrived) < Self.lifetime * 1_000_000 { continue }
                empty(slot)
                if let memory = slot.memory { unused.append(memory) }
                slot.memory = nil
            }
            return unused
        }
        // Unmapped here, outside the lock, which readers take.
        _ = consume unused
    }

    private func empty(_ slot: Slot) {
        if slot.use == .readable { readable.subtract(1, ordering: .releasing) }
        slot.use = .free
        slot.pieces.removeAll(keepingCapacity: true)
        slot.unreadCount = 0
        for word in slot.unread.indices { slot.unread[word] = 0 }
    }

    /// Bytes of memory in use or kept for the next chunk.
    var memory: Int { state.withLock { $0.slots.reduce(0) { $0 + ($1.memory == nil ? 0 : chunkSize) } } }
}
