import Glibc
import SystemPackage

extension SystemCalls {
    /// The names in a directory as raw bytes, without `.` and `..`, in the order of readdir(3).
    public static func list(_ path: FilePath) throws(Errno) -> [[UInt8]] {
        guard let stream = path.withPlatformString({ opendir($0) }) else { throw Errno(rawValue: errno) }
        defer { closedir(stream) }
        var names: [[UInt8]] = []
        while true {
            errno = 0
            guard let entry = readdir(stream) else {
                if errno != 0 { throw Errno(rawValue: errno) }
                return names
            }
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { raw in Array(raw.prefix { $0 != 0 }) }
            if name != [0x2e] && name != [0x2e, 0x2e] { names.append(name) }
        }
    }

    /// mkdir -p: creates `path` and its missing parents.
    public static func makeDirectories(_ path: FilePath, mode: UInt32 = 0o700) throws(Errno) {
        if let status = try? status(of: path), status.kind == .directory { return }
        let parent = path.removingLastComponent()
        if !parent.isEmpty && parent != path { try makeDirectories(parent, mode: mode) }
        try makeDirectory(path, mode: mode, existingIsFine: true)
    }

    /// rm -r: removes `path` and everything below it; follows no symbolic link. `ENOENT` is success.
    public static func removeTree(_ path: FilePath) throws(Errno) {
        let kind: FileStatus.Kind
        do { kind = try status(of: path, followSymbolicLinks: false).kind } catch {
            if error == .noSuchFileOrDirectory { return }
            throw error
        }
        guard kind == .directory else { return try unlink(path, missingIsFine: true) }
        for name in try list(path) { try removeTree(path.appending(bytes: name)) }
        try removeDirectory(path)
    }
}

extension FilePath {
    /// The path with a component of raw bytes (no `/`, no NUL) appended.
    public func appending(bytes name: [UInt8]) -> FilePath {
        var result = self
        let terminated = name.map { CChar(bitPattern: $0) } + [0]
        terminated.withUnsafeBufferPointer { result.append(FilePath(platformString: $0.baseAddress!).components.last!) }
        return result
    }
}
