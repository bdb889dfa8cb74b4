extension PackageHead {
    /// The file at the origin that holds chunk `number`'s stored bytes, relative to the envelope's own address: raw bytes, `/` between
    /// components, `..` at most in front. Also checks that the bytes lie inside that file.
    ///
    /// - Throws: `InvalidRecord` (`EIO`) when the record names a source that does not exist or a range past its end.
    public func sourcePath(ofChunk number: Int, _ record: ChunkRecord) throws(InvalidRecord) -> [UInt8] {
        switch manifest.source {
        case .packed(let packs):
            guard let pack = record.pack, pack < packs.count else { throw .init(table: .chunks, number: number, rule: "its pack does not exist") }
            guard record.offset + UInt64(record.storedLength) <= packs[pack].size else {
                throw .init(table: .chunks, number: number, rule: "it lies past the end of its pack")
            }
            return packs[pack].name
        case .inPlace(let base, _):
            guard let node = record.inPlaceNode, node < tree.nodeCount, tree.node(node).kind == .regular else {
                throw .init(table: .chunks, number: number, rule: "its file does not exist")
            }
            guard record.codec == .stored, record.offset + UInt64(record.storedLength) <= tree.node(node).size else {
                throw .init(table: .chunks, number: number, rule: "it lies past the end of its file, or is compressed in place")
            }
            let path = tree.path(of: node)
            return base.isEmpty ? path : base + [UInt8(ascii: "/")] + path
        }
    }
}
