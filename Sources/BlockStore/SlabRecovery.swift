import Integrity
import LinuxSystem

/// Builds the index of the small objects from the log when a store is opened.
///
/// Objects that a commit covers, and those written under this boot, count as they are. Others were in flight when the
/// machine went down: they are hashed now, and forgotten unless they are right.
struct SlabRecovery {
    let layout: StoreLayout
    let options: StoreOptions
    let boot: BootID
    let files: EvictionClock<FileSlot>
    let events: StoreEvents
    private var state = SlabStore.State()
    private var lengths: [UInt64: UInt64] = [:]

    init(layout: StoreLayout, options: StoreOptions, boot: BootID, files: EvictionClock<FileSlot>, events: StoreEvents) {
        self.layout = layout
        self.options = options
        self.boot = boot
        self.files = files
        self.events = events
    }

    mutating func run(_ log: CInt) throws(Errno) -> SlabStore.State {
        var records: [(position: UInt64, record: SlabRecord)] = []
        var durable: UInt64 = 0
        let memory = AlignedBuffer(count: 512 * SlabRecord.length)
        defer { withExtendedLifetime(memory) {} }
        let buffer = memory.bytes
        var position: UInt64 = 0
        while true {
            let count = try SystemCalls.preadAll(log, into: buffer, at: position)
            for start in stride(from: 0, to: count - count % SlabRecord.length, by: SlabRecord.length) {
                guard let record = SlabRecord(UnsafeRawBufferPointer(rebasing: buffer[start..<(start + SlabRecord.length)])) else { continue }
                if record.kind == .commit { durable = max(durable, record.offset) } else { records.append((position + UInt64(start), record)) }
            }
            // A torn record at the end is overwritten by the next one.
            position += UInt64(count - count % SlabRecord.length)
            if count < buffer.count { break }
        }
        state.logEnd = position
        // By the last record of each object: an earlier one may lie in a bad place.
        var last: [Digest: (position: UInt64, record: SlabRecord)] = [:]
        for entry in records { last[entry.record.id] = entry }
        for (position, record) in last.values {
            guard let place = place(record) else { continue }
            if position >= durable {
                if record.boot != boot {
                    let good = isGood(place, record.id)
                    let blocks = Blocks.count(record.size)
                    if good { events.recoveredBlocks.add(blocks) } else { events.droppedBlocks.add(blocks); continue }
                }
                state.dirty.insert(record.slab)
            }
            state.index[record.id] = place
        }
        try findTail()
        return state
    }

    /// The place that a record names, if such a place exists.
    private mutating func place(_ record: SlabRecord) -> SlabPlace? {
        guard record.size >= 1, record.size <= StoreOptions.smallObjectSize, record.offset <= 1 << 40, record.slab <= 1 << 32 else { return nil }
        let length: UInt64
        if let known = lengths[record.slab] {
            length = known
        } else {
            let status = try? SystemCalls.status(of: layout.slab(record.slab), followSymbolicLinks: false)
            length = status?.kind == .regular ? status!.size : 0
            lengths[record.slab] = length
        }
        guard record.offset + record.size <= length else { return nil }
        let file = state.files[record.slab] ?? SlabFile(number: record.slab, path: layout.slab(record.slab), files: files)
        state.files[record.slab] = file
        return SlabPlace(file: file, offset: record.offset, size: record.size)
    }

    private func isGood(_ place: SlabPlace, _ id: Digest) -> Bool {
        var scratch = InlineArray<16384, UInt8>(repeating: 0)
        return withUnsafeMutableBytes(of: &scratch) { scratch in
            let target = UnsafeMutableRawBufferPointer(rebasing: scratch[..<Int(place.size)])
            guard let lease = try? place.file.open(),
                  (try? SystemCalls.preadAll(lease.descriptor, into: target, at: place.offset)) == target.count else { return false }
            return Blocks.smallContentDigest(UnsafeRawBufferPointer(target)) == id
        }
    }

    /// New objects go behind everything that was ever written, recorded or not.
    private mutating func findTail() throws(Errno) {
        var highest: UInt64?
        for name in try SystemCalls.list(layout.slabs) {
            guard let number = UInt64(String(decoding: name, as: UTF8.self)), number <= 1 << 32 else { continue }
            highest = max(highest ?? 0, number)
        }
        guard let highest else { return }
        state.tailSlab = highest
        let status = try? SystemCalls.status(of: layout.slab(highest), followSymbolicLinks: false)
        if let status, status.kind == .regular {
            state.tailOffset = (status.size + 63) & ~63
        } else {
            // Something foreign sits there.
            state.tailSlab = highest + 1
        }
    }
}
