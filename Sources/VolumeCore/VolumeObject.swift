import BlockStore
import PackageFormat
import Synchronization

/// One object of a package while it is in use: its record, its extents and its place in the store.
/// Immutable but for the read pattern; shared by all threads.
public final class VolumeObject: Sendable {
    /// The object's number in the package.
    public let number: UInt32
    /// The bits and bytes.
    public let stored: StoredObject
    /// The data ranges, ascending by `fileOffset`; what lies between them are the published file's holes.
    public let extents: [ExtentRecord]
    /// Their numbers in the package.
    let extentNumbers: Range<Int>
    /// Bytes of one full chunk.
    let chunkSize: UInt64

    private let pattern = Mutex(SequentialAccess())
    /// The chunk of the file that the next step of a sequential reader would touch first; lets a present read see with one
    /// load that nothing has to be fetched ahead.
    private let nextInOrder = Atomic<Int>(0)
    /// Set at each use; cleared by the sweep that closes idle objects.
    let recentlyUsed = Atomic<Bool>(true)

    init(number: UInt32, stored: StoredObject, extents: [ExtentRecord], extentNumbers: Range<Int>, chunkSize: UInt64) {
        self.number = number
        self.stored = stored
        self.extents = extents
        self.extentNumbers = extentNumbers
        self.chunkSize = chunkSize
    }

    /// Bytes.
    public var size: UInt64 { stored.size }

    /// The first extent that ends behind `offset`, by binary search; `extents.count` if there is none.
    public func extentIndex(endingAfter offset: UInt64) -> Int {
        var low = 0
        var high = extents.count
        while low < high {
            let middle = (low + high) / 2
            if extents[middle].fileEnd <= offset { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// The package's chunks that hold the data of `range` (bytes of the file), ascending; holes need none.
    public func chunks(in range: Range<UInt64>) -> [UInt64] {
        var result: [UInt64] = []
        var i = extentIndex(endingAfter: range.lowerBound)
        while i < extents.count, extents[i].fileOffset < range.upperBound {
            let extent = extents[i]
            let start = max(range.lowerBound, extent.fileOffset) - extent.fileOffset
            let end = min(range.upperBound, extent.fileEnd) - extent.fileOffset
            let first = UInt64(extent.firstChunk) + (start + UInt64(extent.offsetInChunk)) / chunkSize
            let last = UInt64(extent.firstChunk) + (end - 1 + UInt64(extent.offsetInChunk)) / chunkSize
            for chunk in first...last where result.last != chunk { result.append(chunk) }
            i += 1
        }
        return result
    }

    /// The bytes of the file that `chunk` brings: one range for each extent with data in it.
    func ranges(ofChunk chunk: UInt64) -> [Range<UInt64>] {
        var result: [Range<UInt64>] = []
        for extent in extents where chunk >= UInt64(extent.firstChunk) && chunk < UInt64(extent.firstChunk) + extent.chunkCount(chunkSize: UInt32(chunkSize)) {
            // Only an extent that lies in one chunk starts inside it.
            let before = (chunk - UInt64(extent.firstChunk)) * chunkSize
            let length = min(extent.byteCount - before, chunkSize - UInt64(extent.offsetInChunk))
            result.append(extent.fileOffset + before..<extent.fileOffset + before + length)
        }
        return result
    }

    /// A reader is at `range`. Returns the bytes to fetch ahead of it, if it reads in order. One atomic load in the common case.
    @inline(__always)
    func readAhead(at range: Range<UInt64>) -> Range<UInt64>? {
        let chunk = Int((range.upperBound - 1) / chunkSize)
        if chunk != nextInOrder.load(ordering: .relaxed) { return nil }
        return step(to: chunk)
    }

    /// A reader missed at `offset`: it counts as a step even if it is not the next in order.
    func missed(at offset: UInt64) -> Range<UInt64>? { step(to: Int(offset / chunkSize)) }

    private func step(to chunk: Int) -> Range<UInt64>? {
        let count = Int((size + chunkSize - 1) / chunkSize)
        let ahead = pattern.withLock { pattern in
            let ahead = pattern.access(chunk: chunk, count: count, chunkSize: chunkSize)
            nextInOrder.store(pattern.last + 1, ordering: .relaxed)
            return ahead
        }
        guard let ahead else { return nil }
        return UInt64(ahead.lowerBound) * chunkSize..<min(UInt64(ahead.upperBound) * chunkSize, size)
    }
}
