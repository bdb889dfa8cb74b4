import ControlAPI
import Glibc
import IncrementalFS
import LinuxSystem

/// Packages that are to be fetched to their end although they may be unmounted by then (`--keep-filling`): one file each in a directory beside the
/// control socket, written with the mount and removed when the fill has ended or somebody stops it. What a killed daemon leaves there its successor goes on with.
///
/// Like the socket nobody else can open them. An address with a secret in it is remembered only where the directory is memory.
struct FillWishes: Sendable {
    private static let memory: Set<Int> = [0x0102_1994 /* tmpfs */, 0x8584_58f6 /* ramfs */]

    let directory: FilePath

    /// - Parameter controlSocket: the listening socket.
    init(controlSocket: CInt) throws(Errno) {
        let path = try SystemCalls.localPath(ofSocket: controlSocket).string
        directory = FilePath((path.hasSuffix(".sock") ? String(path.dropLast(5)) : path) + ".fills")
    }

    func remember(_ wish: MountConfiguration) throws {
        try SystemCalls.makeDirectories(directory, mode: 0o700)
        let address = wish.request.address
        if PackageOrigin.display(address: address) != address, !Self.memory.contains(try SystemCalls.fileSystemType(of: directory)) { return }
        let new = directory.appending(".\(wish.root)")
        let file = try SystemCalls.open(new, flags: O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, mode: 0o600)
        try wish.encoded().withUnsafeBytes { try SystemCalls.writeAll(file.rawValue, $0) }
        try SystemCalls.rename(new, to: directory.appending(wish.root))
    }

    func forget(root: String) {
        try? SystemCalls.unlink(directory.appending(root), missingIsFine: true)
        // With the last it goes too.
        try? SystemCalls.removeDirectory(directory)
    }

    var all: [MountConfiguration] {
        ((try? SystemCalls.list(directory)) ?? []).filter { $0.first != UInt8(ascii: ".") }.compactMap { name in
            guard let bytes = try? SystemCalls.contents(of: directory.appending(bytes: name), limit: 1 << 20) else { return nil }
            return try? MountConfiguration(decoding: bytes)
        }
    }
}
