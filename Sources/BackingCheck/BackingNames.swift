import LinuxSystem

/// A file's names and attributes against its contents.
enum BackingNames {
    static func findings(_ file: BackingInventory.File, _ structure: BackingStructure, _ descriptor: CInt, isDamaged: Bool) -> [BackingFinding] {
        var findings: [BackingFinding] = []
        let id = String(hex: structure.identity)
        findings += attributes(structure, id, descriptor, isIndexed: file.indexName != nil)
        if structure.isMapped {
            if let name = file.indexName { findings.append(BackingFinding(.warning, "A mapped file does not belong into .index (.index/\(name)).")) }
            return findings
        }
        if let name = file.indexName {
            if name != id { findings.append(BackingFinding(.damage, at: 40, "The file is .index/\(name), and its header has the id \(id).")) }
            if file.paths.isEmpty { findings.append(BackingFinding(.warning, "No name shows this file; only the special file .index does.")) }
        } else if hasIdentity(descriptor) {
            findings.append(BackingFinding(.warning, "The file is not in .index: by its id it cannot be found.", remedy: "link it there", repair: .link(id, in: ".index")))
        } else {
            findings.append(BackingFinding(.note, "The file has no id attribute and is not in .index, as those of old kernels."))
        }
        guard !isDamaged, hasIdentity(descriptor) else { return findings }
        let isComplete = structure.dataPresent >= structure.dataBlocks
        if isComplete, let name = file.incompleteName {
            findings.append(BackingFinding(.warning, "The file is complete, and still in .incomplete.", remedy: "remove it there", repair: .unlink(name, in: ".incomplete")))
        } else if !isComplete, file.incompleteName == nil {
            findings.append(BackingFinding(.warning, "Blocks are missing, and the file is not in .incomplete.", remedy: "link it there", repair: .link(id, in: ".incomplete")))
        } else if let name = file.incompleteName, name != id {
            findings.append(BackingFinding(.damage, at: 40, "The file is .incomplete/\(name), and its header has the id \(id)."))
        }
        return findings
    }

    private static func attribute(_ name: String, _ descriptor: CInt) -> [UInt8]? { (try? SystemCalls.extendedAttribute(name, ofDescriptor: descriptor)) ?? nil }
    private static func hasIdentity(_ descriptor: CInt) -> Bool { attribute("user.incfs.id", descriptor) != nil }

    private static func attributes(_ structure: BackingStructure, _ id: String, _ descriptor: CInt, isIndexed: Bool) -> [BackingFinding] {
        var findings: [BackingFinding] = []
        let size = BackingBytes.bytes(structure.size, 8)
        let shown = attribute("user.incfs.size", descriptor)
        if shown != size {
            let found = shown.map { $0.count == 8 ? "is \(BackingBytes.number($0, 0, 8))" : "has \($0.count) bytes instead of 8" } ?? "is not there"
            findings.append(BackingFinding(.warning, "The attribute user.incfs.size \(found); the header says \(structure.size).", remedy: "set it", repair: .setAttribute("user.incfs.size", size)))
        }
        let identity = attribute("user.incfs.id", descriptor)
        if !structure.isMapped, let identity, identity != Array(id.utf8) {
            findings.append(BackingFinding(.warning, "The attribute user.incfs.id is not that of the header, \(id).", remedy: "set it", repair: .setAttribute("user.incfs.id", Array(id.utf8))))
        } else if !structure.isMapped, identity == nil, isIndexed {
            findings.append(BackingFinding(.warning, "The attribute user.incfs.id is not there.", remedy: "set it", repair: .setAttribute("user.incfs.id", Array(id.utf8))))
        }
        return findings
    }
}
