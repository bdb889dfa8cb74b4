import Synchronization

/// Reading ahead from the disk for readers in order. The kernel's own readahead is switched off where blocks are checked: it follows one reader for
/// each open file, and all readers of an object share one.
///
/// A spell begins when a read finds its pages missing from the page cache right where the last one ended, and goes on while
/// reads stay inside of what was asked for. Approximate under several readers, which costs speed and nothing else.
struct DiskReadahead: ~Copyable {
    /// How far ahead of a reader a spell begins, in blocks: 1 MiB. It doubles with each further ask, as far as the disk's own
    /// readahead goes (`DiskReadaheadLimit`): a fast disk that answers late is only kept busy by much.
    static let firstWindow = 256

    /// The end of the last read that found pages missing.
    private let lastEnd = Atomic<Int>(-1)
    /// The end of what was asked for in this spell; 0 outside of one.
    private let askedTo = Atomic<Int>(0)
    /// How far ahead of the reader this spell is, in blocks.
    private let window = Atomic<Int>(Self.firstWindow)

    init() {}

    /// A read of `blocks` comes from the disk, or did so but for the readahead; `wasCached` tells which. Returns the blocks to ask for now.
    /// `limit`: the largest window, in blocks, `firstWindow` or more.
    func next(after blocks: Range<Int>, wasCached: Bool, blockCount: Int, limit: Int) -> Range<Int>? {
        let asked = askedTo.load(ordering: .relaxed)
        let window = window.load(ordering: .relaxed)
        let isInside = asked > 0 && blocks.upperBound <= asked && blocks.upperBound + 2 * window > asked
        if !isInside {
            guard !wasCached else { return nil }
            let isInOrder = lastEnd.exchange(blocks.upperBound, ordering: .relaxed) == blocks.lowerBound || blocks.lowerBound == 0
            guard isInOrder else { return nil }
        }
        // In halves of a window: fewer calls.
        guard !isInside || asked - blocks.upperBound <= window / 2 else { return nil }
        let start = isInside ? asked : blocks.upperBound
        let wider = isInside ? min(2 * window, limit) : Self.firstWindow
        let end = min(blocks.upperBound + wider, blockCount)
        guard start < end, askedTo.compareExchange(expected: asked, desired: end, ordering: .relaxed).exchanged else { return nil }
        self.window.store(wider, ordering: .relaxed)
        return start..<end
    }
}
