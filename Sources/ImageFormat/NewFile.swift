import Glibc
import LinuxSystem

/// A file that has its name only when it is whole. Without `publish` nothing is left of it, even of a process that is killed, where the
/// file system has files without names (`O_TMPFILE`).
struct NewFile: ~Copyable {
    /// `O_TMPFILE`.
    private static let unnamed: CInt = 0o20000000 | O_DIRECTORY

    let descriptor: OwnedDescriptor
    private let directory: CInt
    /// Where there are no files without names.
    private var temporary: [UInt8]?

    /// In the directory behind `directory`, which stays open longer. `mode` is reduced by umask(2).
    init(in directory: CInt, for name: [UInt8], mode: UInt32) throws(Errno) {
        self.directory = directory
        let other = Array(".\(getpid()).".utf8) + name.prefix(200) + Array(".new".utf8)
        if let unnamed = try Self.withoutName(in: directory, mode) {
            descriptor = OwnedDescriptor(unnamed)
            temporary = nil
        } else {
            descriptor = try SystemCalls.open(name: other, in: directory, flags: O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, mode: mode)
            temporary = other
        }
    }

    /// Nil where the file system has none.
    private static func withoutName(in directory: CInt, _ mode: UInt32) throws(Errno) -> CInt? {
        do throws(Errno) { return try SystemCalls.open(name: [UInt8(ascii: ".")], in: directory, flags: O_RDWR | unnamed, mode: mode).take() } catch {
            guard error == .notSupportedOnSocket || error == .isDirectory else { throw error }
            return nil
        }
    }

    /// Gives it the name. `EEXIST` when something has it.
    mutating func publish(as name: [UInt8]) throws(Errno) {
        if let other = temporary {
            try SystemCalls.rename(other, in: directory, to: name, in: directory, flags: 1 /* RENAME_NOREPLACE */)
            temporary = nil
        } else {
            try SystemCalls.link(descriptor.rawValue, as: name, in: directory)
        }
    }

    deinit { if let temporary { try? SystemCalls.remove(temporary, in: directory) } }
}
