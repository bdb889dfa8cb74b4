import BlockLoading
import HTTPSource
import PackageFormat

extension OpenedPackage {
    /// Fails where the origin answers a request for a part with the whole file: that was put up with for the small envelope, but
    /// the first read of a larger file would fail. Its last byte is asked for now, while somebody looks. An origin that answers
    /// ranges is not asked anything.
    static func requireRanges(_ source: any RangeSource, _ head: PackageHead, _ options: OpenOptions) async throws(OpenError) {
        guard source.ignoresRanges, let largest = largestFile(head), largest.size > UInt64(HTTPSource.wholeFileLimit) else { return }
        _ = try await read(source, path: largest.path, offset: largest.size - 1, length: 1, options)
    }

    /// The largest file that content is read from; nil where there is none.
    private static func largestFile(_ head: PackageHead) -> (path: [UInt8], size: UInt64)? {
        switch head.manifest.source {
        case .packed(let packs): return packs.max { $0.size < $1.size }.map { ($0.name, $0.size) }
        case .inPlace(let base, _):
            let tree = head.tree
            let largest = (0..<tree.objectCount).map { tree.node(forObject: $0) }.max { tree.node($0).size < tree.node($1).size }
            return largest.map { ((base.isEmpty ? [] : base + [UInt8(ascii: "/")]) + tree.path(of: $0), tree.node($0).size) }
        }
    }
}
