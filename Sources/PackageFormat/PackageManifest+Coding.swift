extension PackageManifest {
    /// Parses and checks a manifest that `prefix` announced.
    ///
    /// - Throws: `PackageError`: a limit, or a rule of the format that is broken.
    init(parsing bytes: UnsafeRawBufferPointer, prefix: PackagePrefix) throws(PackageError) {
        var reader = ByteReader(bytes, of: "manifest")
        let version: UInt32 = try reader.integer()
        guard version == PackagePrefix.formatVersion else { throw .unsupportedVersion(version) }
        requiredFeatures = try reader.integer()
        guard requiredFeatures == prefix.requiredFeatures else { throw .malformed("prefix and manifest name different features") }
        sequence = try reader.integer()
        time = try reader.integer()
        let blockSize: UInt32 = try reader.integer()
        guard blockSize == Self.blockSize else { throw .malformed("the block size is \(blockSize), not 4096") }
        chunkSize = try reader.integer()
        guard PackageLimits.chunkSizes.contains(chunkSize), chunkSize.nonzeroBitCount == 1 else {
            throw .malformed("the chunk size is \(chunkSize), not a power of two from 4096 to \(PackageLimits.chunkSizes.upperBound)")
        }
        let pageSize: UInt32 = try reader.integer()
        guard pageSize == IndexLayout.pageSize else { throw .malformed("the index page size is \(pageSize), not 65536") }
        let kind: UInt32 = try reader.integer()
        files = try reader.integer()
        directories = try reader.integer()
        symbolicLinks = try reader.integer()
        self.bytes = try reader.integer()
        dataBytes = try reader.integer()
        storedBytes = try reader.integer()
        layout = IndexLayout(objects: try reader.integer(), extents: try reader.integer(), chunks: try reader.integer())
        let pages: UInt32 = try reader.integer()
        tree = try PackageSection(&reader)
        pageDigests = try PackageSection(&reader)
        index = try PackageSection(&reader)
        let nameLength: UInt16 = try reader.integer()
        let releaseLength: UInt16 = try reader.integer()
        let packCount: UInt16 = try reader.integer()
        let baseLength: UInt16 = try reader.integer()
        let noteLength: UInt16 = try reader.integer()
        let entryLength: UInt16 = try reader.integer()
        try reader.reserved(Self.fixedLength - Self.reservedOffset)
        try Self.check("name length", UInt64(nameLength), atMost: UInt64(PackageLimits.nameLength))
        try Self.check("release length", UInt64(releaseLength), atMost: UInt64(PackageLimits.nameLength))
        try Self.check("pack count", UInt64(packCount), atMost: UInt64(PackageLimits.packCount))
        try Self.check("base path length", UInt64(baseLength), atMost: UInt64(PackageLimits.basePathLength))
        try Self.check("note length", UInt64(noteLength), atMost: UInt64(PackageLimits.noteLength))
        try Self.check("entry length", UInt64(entryLength), atMost: UInt64(PackageLimits.entryLength))
        name = try Self.label(try reader.take(Int(nameLength)), "name")
        release = try Self.label(try reader.take(Int(releaseLength)), "release")
        let base = Array(try reader.take(Int(baseLength)))
        let note = try Self.text(try reader.take(Int(noteLength)), "note")
        entry = Array(try reader.take(Int(entryLength)))
        var packs: [Pack] = []
        for _ in 0..<packCount {
            let size: UInt64 = try reader.integer()
            let length: UInt16 = try reader.integer()
            packs.append(Pack(name: Array(try reader.take(Int(length))), size: size))
        }
        try reader.finish()
        switch kind {
        case 0:
            guard base.isEmpty, note.isEmpty else { throw .malformed("a packed package has a base path or a note") }
            source = .packed(packs)
        case 1:
            guard packs.isEmpty else { throw .malformed("an in-place package has packs") }
            source = .inPlace(basePath: base, note: note)
        default: throw .malformed("the kind of source is \(kind), not 0 or 1")
        }
        guard pages == layout.pageCount else { throw .malformed("the number of index pages does not follow from the tables") }
        try validate()
    }

    /// The manifest's bytes: what the root digest is taken of.
    func encoded() -> [UInt8] {
        var writer = ByteWriter()
        writer.integer(PackagePrefix.formatVersion)
        writer.integer(requiredFeatures)
        writer.integer(sequence)
        writer.integer(time)
        writer.integer(Self.blockSize)
        writer.integer(chunkSize)
        writer.integer(UInt32(IndexLayout.pageSize))
        var packs: [Pack] = [], base: [UInt8] = [], note = ""
        switch source {
        case .packed(let list): packs = list; writer.integer(UInt32(0))
        case .inPlace(let path, let text): base = path; note = text; writer.integer(UInt32(1))
        }
        for total in [files, directories, symbolicLinks, bytes, dataBytes, storedBytes] { writer.integer(total) }
        for count in [layout.objects, layout.extents, layout.chunks] { writer.integer(count) }
        writer.integer(UInt32(layout.pageCount))
        tree.write(to: &writer)
        pageDigests.write(to: &writer)
        index.write(to: &writer)
        for length in [name.utf8.count, release.utf8.count, packs.count, base.count, note.utf8.count, entry.count] { writer.integer(UInt16(length)) }
        writer.zeros(Self.fixedLength - Self.reservedOffset)
        writer.raw(name.utf8)
        writer.raw(release.utf8)
        writer.raw(base)
        writer.raw(note.utf8)
        writer.raw(entry)
        for pack in packs {
            writer.integer(pack.size)
            writer.integer(UInt16(pack.name.count))
            writer.raw(pack.name)
        }
        return writer.bytes
    }
}
