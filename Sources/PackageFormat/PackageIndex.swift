import Integrity
import Synchronization

/// The object, extent and chunk tables of a package, page by page as they arrive.
///
/// A page becomes visible only after its bytes matched the digest in the head, and never changes afterwards: reads take no lock and allocate
/// nothing. A record's answer is the record, nil while its page is not installed, or `InvalidRecord` when it
/// breaks a rule of the format (pages carry the publisher's digest, not his good will). Callable from any thread.
public final class PackageIndex: @unchecked Sendable {
    // Safety: a slot goes from nil to a page once, by compare-and-exchange with release order; pages are freed in `deinit` only.
    private let slots: UnsafeMutablePointer<Atomic<UnsafeRawPointer?>>
    private let digests: [Digest]
    private let offset: UInt64
    /// Bytes of content in a full chunk.
    public let chunkSize: UInt32
    private let extentsOffset: UInt64
    private let chunksOffset: UInt64
    /// How many records there are.
    public let layout: IndexLayout
    private let installed = Atomic<Int>(0)

    /// An index without pages, for `head`'s package.
    public init(head: PackageHead) {
        layout = head.manifest.layout
        extentsOffset = layout.extentsOffset
        chunksOffset = layout.chunksOffset
        digests = head.pageDigests
        offset = head.prefix.bodyOffset + head.manifest.index.offset
        chunkSize = head.manifest.chunkSize
        slots = .allocate(capacity: digests.count)
        for page in 0..<digests.count { (slots + page).initialize(to: Atomic(nil)) }
    }

    deinit {
        for page in 0..<digests.count {
            slots[page].load(ordering: .acquiring)?.deallocate()
            (slots + page).deinitialize(count: 1)
        }
        slots.deallocate()
    }

    // MARK: Pages

    /// Pages in the index.
    public var pageCount: Int { digests.count }
    /// Pages that are installed.
    public var installedCount: Int { installed.load(ordering: .relaxed) }

    /// Where page `page` lies in the envelope, in bytes. Traps if there is no such page.
    public func pageRange(_ page: Int) -> (offset: UInt64, length: Int) {
        precondition(page >= 0 && page < pageCount)
        return (offset + UInt64(page) * IndexLayout.pageSize, layout.length(ofPage: page))
    }

    /// True when page `page` can be read. Traps if there is no such page.
    public func isInstalled(_ page: Int) -> Bool {
        precondition(page >= 0 && page < pageCount)
        return slots[page].load(ordering: .acquiring) != nil
    }

    /// Checks `bytes` against page `page`'s digest and makes a copy of them visible. False, without any change, when they do not match;
    /// true also when the page is there already. Traps if there is no such page.
    public func install(page: Int, bytes: UnsafeRawBufferPointer) -> Bool {
        precondition(page >= 0 && page < pageCount)
        guard bytes.count == layout.length(ofPage: page) else { return false }
        guard SHA256Hasher.hash(bytes) == digests[page] else { return false }
        if isInstalled(page) { return true }
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 64)
        copy.copyMemory(from: bytes)
        let (won, _) = slots[page].compareExchange(expected: nil, desired: UnsafeRawPointer(copy.baseAddress!), ordering: .acquiringAndReleasing)
        if won { installed.wrappingAdd(1, ordering: .relaxed) } else { copy.deallocate() }
        return true
    }

    /// The installed bytes of page `page`, nil while there are none; they live as long as the index. Traps if there is no such page.
    public func bytes(ofPage page: Int) -> UnsafeRawBufferPointer? {
        precondition(page >= 0 && page < pageCount)
        guard let base = slots[page].load(ordering: .acquiring) else { return nil }
        return UnsafeRawBufferPointer(start: base, count: layout.length(ofPage: page))
    }

    /// The page that holds object `number`'s record.
    public func page(ofObject number: Int) -> Int { Int(UInt64(number) * UInt64(ObjectRecord.length) / IndexLayout.pageSize) }
    /// The page that holds extent `number`'s record.
    public func page(ofExtent number: Int) -> Int { Int((extentsOffset + UInt64(number) * UInt64(ExtentRecord.length)) / IndexLayout.pageSize) }
    /// The page that holds chunk `number`'s record.
    public func page(ofChunk number: Int) -> Int { Int((chunksOffset + UInt64(number) * UInt64(ChunkRecord.length)) / IndexLayout.pageSize) }

    // MARK: Records

    /// Object `number`; nil while its page is not installed.
    /// Compare `size` with the node's: the tree and the index are the publisher's, and may disagree.
    public func object(_ number: Int) throws(InvalidRecord) -> ObjectRecord? {
        guard number >= 0 && number < Int(layout.objects) else { throw .init(table: .objects, number: number, rule: "there is no such record") }
        guard let bytes = record(at: UInt64(number) * UInt64(ObjectRecord.length), ObjectRecord.length) else { return nil }
        return try ObjectRecord(bytes, number, layout)
    }

    /// Extent `number`; nil while its page is not installed.
    public func extent(_ number: Int) throws(InvalidRecord) -> ExtentRecord? {
        guard number >= 0 && number < Int(layout.extents) else { throw .init(table: .extents, number: number, rule: "there is no such record") }
        guard let bytes = record(at: extentsOffset + UInt64(number) * UInt64(ExtentRecord.length), ExtentRecord.length) else { return nil }
        return try ExtentRecord(bytes, number, layout, chunkSize)
    }

    /// Chunk `number`; nil while its page is not installed.
    public func chunk(_ number: Int) throws(InvalidRecord) -> ChunkRecord? {
        guard number >= 0 && number < Int(layout.chunks) else { throw .init(table: .chunks, number: number, rule: "there is no such record") }
        guard let bytes = record(at: chunksOffset + UInt64(number) * UInt64(ChunkRecord.length), ChunkRecord.length) else { return nil }
        return try ChunkRecord(bytes, number, layout, chunkSize)
    }

    @inline(__always)
    private func record(at offset: UInt64, _ length: Int) -> UnsafeRawBufferPointer? {
        let page = Int(offset / IndexLayout.pageSize)
        guard let base = slots[page].load(ordering: .acquiring) else { return nil }
        return UnsafeRawBufferPointer(start: base + Int(offset % IndexLayout.pageSize), count: length)
    }
}
