extension PackageManifest {
    /// Holds every value to its limit and to the others.
    ///
    /// - Throws: `PackageError.limitExceeded` or `.malformed`.
    func validate() throws(PackageError) {
        try validateStrings()
        for (what, value) in [("bytes", bytes), ("data bytes", dataBytes), ("stored bytes", storedBytes)] {
            try Self.check(what, value, atMost: PackageLimits.fileSize)
        }
        guard dataBytes <= bytes else { throw .malformed("there are more data bytes than bytes") }
        try Self.check("index pages", layout.pageCount, atMost: PackageLimits.indexPageCount)
        try Self.check("tree length", tree.length, atMost: PackageLimits.treeLength)
        try Self.check("stored tree length", tree.storedLength, atMost: PackageLimits.treeLength)
        guard tree.offset == 0 else { throw .malformed("the tree does not start the sections") }
        guard pageDigests.offset == tree.storedLength else { throw .malformed("the page digests do not follow the tree") }
        guard pageDigests.storedLength == layout.pageCount * 32, pageDigests.length == pageDigests.storedLength else {
            throw .malformed("the page digests' length does not follow from the number of pages")
        }
        guard index.offset == pageDigests.offset + pageDigests.storedLength else { throw .malformed("the index does not follow the page digests") }
        guard index.storedLength == layout.length, index.length == index.storedLength else {
            throw .malformed("the index's length does not follow from the tables")
        }
    }

    /// The strings' part of `validate`.
    func validateStrings() throws(PackageError) {
        try Self.check("name length", UInt64(name.utf8.count), atMost: UInt64(PackageLimits.nameLength))
        try Self.check("release length", UInt64(release.utf8.count), atMost: UInt64(PackageLimits.nameLength))
        guard !name.isEmpty, name != ".", name != ".." else { throw .malformed("the name is empty, '.' or '..'") }
        for text in [name, release] where !Self.isLabel(text) { throw .malformed("the name or release holds a control character or '/'") }
        try Self.check("entry length", UInt64(entry.count), atMost: UInt64(PackageLimits.entryLength))
        guard entry.isEmpty || PathRules.isPath(entry) else { throw .malformed("the entry is not a path below the root") }
        switch source {
        case .packed(let packs):
            try Self.check("pack count", UInt64(packs.count), atMost: UInt64(PackageLimits.packCount))
            for pack in packs {
                guard PathRules.isComponent(pack.name) else { throw .malformed("a pack's name is not a file name") }
                try Self.check("pack size", pack.size, atMost: PackageLimits.fileSize)
            }
        case .inPlace(let base, let note):
            try Self.check("base path length", UInt64(base.count), atMost: UInt64(PackageLimits.basePathLength))
            try Self.check("note length", UInt64(note.utf8.count), atMost: UInt64(PackageLimits.noteLength))
            guard PathRules.isBasePath(base) else { throw .malformed("the base path is not a relative path that climbs only at its start") }
        }
    }

    static func check(_ what: String, _ value: UInt64, atMost limit: UInt64) throws(PackageError) {
        if value > limit { throw .limitExceeded(what, value: value, limit: limit) }
    }

    static func text(_ bytes: UnsafeRawBufferPointer, _ what: String) throws(PackageError) -> String {
        guard let text = String(validating: bytes, as: UTF8.self) else { throw .malformed("the \(what) is not UTF-8") }
        return text
    }

    static func label(_ bytes: UnsafeRawBufferPointer, _ what: String) throws(PackageError) -> String {
        let text = try text(bytes, what)
        guard isLabel(text) else { throw .malformed("the \(what) holds a control character or '/'") }
        return text
    }

    private static func isLabel(_ text: String) -> Bool {
        text.unicodeScalars.allSatisfy { $0.value >= 0x20 && !(0x7f...0x9f).contains($0.value) && $0 != "/" }
    }
}
