import LinuxSystem

/// A file's names and attributes against its contents.
enum BackingNames {
    /// `isSound`: nothing is wrong with what the file's header and records say.
    static func findings(_ file: BackingInventory.File, _ structure: BackingStructure, _ descriptor: CInt, isSound: Bool, isDamaged: Bool) -> [BackingFinding] {
        var findings: [BackingFinding] = []
        let id = String(hex: structure.identity)
        findings += attributes(file, structure, id, descriptor, isSound: isSound)
        if structure.isMapped {
            if let name = file.indexName { findings.append(BackingFinding(.warning, "A mapped file does not belong into .index (.index/\(name)).")) }
            return findings
        }
        if let name = file.indexName {
            if name != id { findings.append(wrongIdentity(".index", name, id, descriptor)) }
        } else if hasIdentity(descriptor) {
            findings.append(missing("The file is not in .index: by its id it cannot be found.", id, ".index", isCertain: isSound && hasIdentity(descriptor, id)))
        } else {
            findings.append(BackingFinding(.note, "The file has no id attribute and is not in .index, as those of old kernels."))
        }
        guard !isDamaged, hasIdentity(descriptor) else { return findings }
        let isComplete = structure.dataPresent >= structure.dataBlocks
        if isComplete, let name = file.incompleteName {
            findings.append(BackingFinding(.warning, "The file is complete, and still in .incomplete.", remedy: "remove it there", repair: .unlink(name, in: ".incomplete")))
        } else if !isComplete, file.incompleteName == nil {
            if structure.isOld {
                findings.append(BackingFinding(.note, "Blocks are missing, and the file is not in .incomplete, which old kernels did not have."))
            } else {
                findings.append(missing("Blocks are missing, and the file is not in .incomplete.", id, ".incomplete", isCertain: isSound && hasIdentity(descriptor, id) && file.indexName ?? id == id))
            }
        } else if let name = file.incompleteName, name != id, file.indexName != name {
            findings.append(wrongIdentity(".incomplete", name, id, descriptor))
        }
        return findings
    }

    /// `isCertain`: the header's id is the file's.
    private static func missing(_ message: String, _ id: String, _ directory: String, isCertain: Bool) -> BackingFinding {
        BackingFinding(.warning, message, remedy: isCertain ? "link it there" : nil, repair: isCertain ? .link(id, in: directory) : nil)
    }

    /// Where the name and the attribute agree it is the header that is wrong.
    private static func wrongIdentity(_ directory: String, _ name: String, _ id: String, _ descriptor: CInt) -> BackingFinding {
        let isCertain = attribute("user.incfs.id", descriptor) == Array(name.utf8)
        let bytes = stride(from: 0, to: name.utf8.count & ~1, by: 2).compactMap { UInt8(name.dropFirst($0).prefix(2), radix: 16) }
        let repair: BackingRepair? = isCertain && bytes.count == 16 ? .write(bytes, at: 40) : nil
        return BackingFinding(.damage, at: 40, "The file is \(directory)/\(name), and its header has the id \(id).", remedy: repair == nil ? nil : "write the name's id there, which the attribute has too", repair: repair)
    }

    /// A mark that nobody can undo, of a file that has lost what it stands for: nothing of it is to be thrown away.
    static func lostSeal(_ structure: BackingStructure, _ descriptor: CInt) -> BackingFinding? {
        guard !structure.isMapped, structure.size > 0, structure.signature == nil, attribute("user.incfs.verity", descriptor) != nil else { return nil }
        return BackingFinding(.damage, "The file is marked as one with fs-verity, and no signature record says what its digest is: it cannot be opened (EBADMSG).")
    }

    static func attribute(_ name: String, _ descriptor: CInt) -> [UInt8]? { (try? SystemCalls.extendedAttribute(name, ofDescriptor: descriptor)) ?? nil }
    private static func hasIdentity(_ descriptor: CInt) -> Bool { attribute("user.incfs.id", descriptor) != nil }
    private static func hasIdentity(_ descriptor: CInt, _ id: String) -> Bool { attribute("user.incfs.id", descriptor) == Array(id.utf8) }

    private static func attributes(_ file: BackingInventory.File, _ structure: BackingStructure, _ id: String, _ descriptor: CInt, isSound: Bool) -> [BackingFinding] {
        var findings: [BackingFinding] = []
        func find(_ message: String, _ name: String, _ value: [UInt8], isCertain: Bool) {
            findings.append(BackingFinding(.warning, message, remedy: isCertain ? "set it" : nil, repair: isCertain ? .setAttribute(name, value) : nil))
        }
        let size = BackingBytes.bytes(structure.size, 8)
        let shown = attribute("user.incfs.size", descriptor)
        if shown != size {
            let found = shown.map { $0.count == 8 ? "is \(BackingBytes.number($0, 0, 8))" : "has \($0.count) bytes instead of 8" } ?? "is not there"
            // The block map of a sound file has as many entries as its size in the header wants; of two sizes of as many blocks it does not say which is right.
            let proves = structure.isMapped || shown.map { $0.count != 8 || BackingStructure.blocks(of: BackingBytes.number($0, 0, 8)) != structure.dataBlocks } ?? true
            find("The attribute user.incfs.size \(found); the header says \(structure.size).", "user.incfs.size", size, isCertain: isSound && proves)
        }
        let identity = attribute("user.incfs.id", descriptor)
        // The header alone does not prove it.
        let isCertain = isSound && (file.indexName ?? file.incompleteName) == id
        if !structure.isMapped, let identity, identity != Array(id.utf8) {
            find("The attribute user.incfs.id is not that of the header, \(id).", "user.incfs.id", Array(id.utf8), isCertain: isCertain)
        } else if !structure.isMapped, identity == nil, file.indexName != nil {
            find("The attribute user.incfs.id is not there.", "user.incfs.id", Array(id.utf8), isCertain: isCertain)
        }
        return findings
    }
}
