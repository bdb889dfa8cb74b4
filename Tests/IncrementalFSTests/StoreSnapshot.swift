import Glibc
import LinuxSystem
import VolumeTesting

/// The state of a store, kept to be brought back thousands of times. Plain C calls on plain strings: `FilePath` checks itself
/// at each step in debug builds.
struct StoreSnapshot: Sendable {
    let files: [(path: String, bytes: [UInt8])]

    init(_ directory: FilePath) throws {
        let prefix = directory.string.utf8.count + 1
        files = try TemporaryDirectory.files(below: directory).map { (String($0.string.dropFirst(prefix)), try TemporaryDirectory.contents($0)) }
    }

    /// Files that are damaged at the same time must not hide each other: what describes content, and the content.
    enum Group { case content, tables }

    var longest: Int { files.map(\.bytes.count).max() ?? 0 }

    /// Makes `directory` this, with a bit of byte `place` flipped in every file of the group that has one. Returns the names of those.
    func restore(_ directory: FilePath, flipping place: Int, in group: Group) -> [String] {
        let root = directory.string
        let flipped = files.filter { file in
            let isTable = file.path.hasSuffix(".leaves") || file.path == "slabs/log"
            return isTable == (group == .tables) && place < file.bytes.count && !Self.isUnused(file.path, place)
        }.map(\.path)
        if flipped.isEmpty { return [] }
        Self.removeFiles(root)
        for (path, bytes) in files {
            var bytes = bytes
            if flipped.contains(path) { bytes[place] ^= 1 << UInt8(place % 8) }
            Self.write(bytes, "\(root)/\(path)")
        }
        return flipped
    }

    /// Between the tables of a sidecar lie thousands of unused zeros: each 64th stands for them.
    private static func isUnused(_ path: String, _ place: Int) -> Bool {
        path.hasSuffix(".side") && place >= 160 && place < 12288 && place % 4096 >= 16 && place % 64 != 0
    }

    private static func write(_ bytes: [UInt8], _ path: String) {
        var descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        if descriptor < 0 {
            // The directories of the snapshot are made once.
            let parts = path.split(separator: "/").dropLast()
            for i in parts.indices { mkdir("/" + parts[...i].joined(separator: "/"), 0o700) }
            descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        }
        precondition(descriptor >= 0 && Glibc.write(descriptor, bytes, bytes.count) == bytes.count, "cannot write \(path): errno \(errno)")
        close(descriptor)
    }

    /// Removes the regular files below `path` and leaves the directories.
    private static func removeFiles(_ path: String) {
        guard let directory = opendir(path) else { return }
        defer { closedir(directory) }
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) } }
            if name == "." || name == ".." { continue }
            let child = "\(path)/\(name)"
            if entry.pointee.d_type == UInt8(DT_DIR) { removeFiles(child) } else { unlink(child) }
        }
    }
}
