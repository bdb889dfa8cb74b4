import Glibc
import LinuxSystem

/// All files of a backing directory, each once, with all its names.
struct BackingInventory {
    struct File {
        /// Visible names, relative to the root: any bytes.
        var paths: [[UInt8]] = []
        var indexName: String?
        var incompleteName: String?
        /// What a person knows it by.
        var name: [UInt8] { paths.first ?? handle }
        /// How findings call it.
        var title: String { String(decoding: name, as: UTF8.self) }
        /// What to open: a name of the special directories is never too long for it.
        var handle: [UInt8] { Array((indexName.map { ".index/" + $0 } ?? incompleteName.map { ".incomplete/" + $0 } ?? "").utf8).nonEmpty ?? paths.first ?? [] }
    }

    private var files: [UInt64: File] = [:]
    private(set) var findings: [BackingFinding] = []
    /// By name, so that two checks say the same in the same order.
    var sorted: [File] { files.values.sorted { $0.name.lexicographicallyPrecedes($1.name) } }

    /// Directories below each other, at most: a path has no more.
    private static let mostLevels = 2048

    mutating func walk(_ root: CInt) throws(Errno) {
        for (name, keep) in [(".index", \File.indexName), (".incomplete", \File.incompleteName)] {
            let special: OwnedDescriptor
            do throws(Errno) { special = try SystemCalls.open(name: Array(name.utf8), in: root, flags: O_RDONLY | O_DIRECTORY | O_NOFOLLOW) } catch {
                guard error == .noSuchFileOrDirectory else { throw error }
                findings.append(BackingFinding(.note, "The directory is not there; the next mount makes it.", path: name))
                continue
            }
            for entry in try entries(of: special.rawValue) {
                let text = String(decoding: entry.name, as: UTF8.self), path = name + "/" + text
                guard try SystemCalls.status(name: entry.name, in: special.rawValue).kind == .regular else {
                    findings.append(BackingFinding(.warning, "Only backing files belong here.", path: path))
                    continue
                }
                if entry.name.count != 32 || !entry.name.allSatisfy({ (48...57).contains($0) || (97...102).contains($0) }) {
                    findings.append(BackingFinding(.warning, "The name is no file id of 32 hexadecimal digits.", path: path))
                }
                files[entry.inode, default: File()][keyPath: keep] = text
            }
        }
        try walk(root, prefix: [], level: 0)
    }

    private mutating func walk(_ directory: CInt, prefix: [UInt8], level: Int) throws(Errno) {
        for entry in try entries(of: directory) {
            let path = prefix + entry.name
            if level == 0, path == Array(".index".utf8) || path == Array(".incomplete".utf8) { continue }
            switch try SystemCalls.status(name: entry.name, in: directory).kind {
            case .regular: files[entry.inode, default: File()].paths.append(path)
            case .directory where level < Self.mostLevels:
                let inner = try SystemCalls.open(name: entry.name, in: directory, flags: O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
                try walk(inner.rawValue, prefix: path + [UInt8(ascii: "/")], level: level + 1)
            default: findings.append(BackingFinding(.warning, "This is neither a file nor a directory: a mount does not show it.").of(File(paths: [path])))
            }
        }
    }

    private func entries(of directory: CInt) throws(Errno) -> [SystemCalls.DirectoryEntry] {
        try SystemCalls.entries(of: directory).filter { $0.name != Array(".".utf8) && $0.name != Array("..".utf8) }.sorted { $0.name.lexicographicallyPrecedes($1.name) }
    }
}

extension Array {
    fileprivate var nonEmpty: Self? { isEmpty ? nil : self }
}
