import Glibc
import LinuxSystem

/// The log of keeper and daemon in one file, opened for appending; the daemon's standard output and error lead there too.
/// At 4 MiB its content moves to `<name>.1`, which replaces the one before.
struct KeeperLog: ~Copyable {
    private static let limit: UInt64 = 4 << 20
    private let path: FilePath
    private let file: OwnedDescriptor
    /// Then `file` is the journal's stream, for what a daemon says that dies, or leads nowhere.
    private let journal: JournalWriter?

    var descriptor: CInt { file.rawValue }

    init(path: FilePath, journal socket: FilePath? = nil) throws(StartFailure) {
        self.path = path
        if let socket, let writer = try? JournalWriter(socket: socket, identifier: "incfs-keeper"), let null = try? SystemCalls.open("/dev/null", flags: O_RDWR) {
            journal = writer
            if let stream = JournalWriter.stream(beside: socket, identifier: "incfsd") { file = stream } else { file = null }
            return
        }
        journal = nil
        do throws(Errno) {
            try SystemCalls.makeDirectories(path.removingLastComponent())
            file = try SystemCalls.open(path, flags: O_RDWR | O_CREAT | O_APPEND, mode: 0o600)
        } catch {
            throw StartFailure(status: .cannotCreate, sentence: "the log \(path) cannot be opened: \(error); choose another --log")
        }
        rotateIfLarge()
    }

    /// Writes one line. A full disk must not end a keeper: errors are passed over.
    func write(_ text: String) {
        if let journal {
            _ = journal.write(text, priority: 6)
            return
        }
        var now = time(nil)
        var parts = tm()
        gmtime_r(&now, &parts)
        var stamp = [CChar](repeating: 0, count: 32)
        strftime(&stamp, stamp.count, "%Y-%m-%dT%H:%M:%SZ", &parts)
        let time = String(decoding: stamp.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        var line = "\(time) incfs-keeper[\(getpid())]: \(text)\n"
        line.withUTF8 { bytes in _ = try? SystemCalls.writeAll(file.rawValue, UnsafeRawBufferPointer(bytes)) }
    }

    /// Copies and truncates: the daemon's descriptors go on writing into the same file, which O_APPEND starts again at 0.
    func rotateIfLarge() {
        guard journal == nil, let size = try? SystemCalls.status(of: file.rawValue).size, size > Self.limit else { return }
        do throws(Errno) {
            let old = try SystemCalls.open(FilePath("\(path).1"), flags: O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, mode: 0o600)
            let buffer = AlignedBuffer(count: 1 << 16)
            var offset: UInt64 = 0
            while true {
                let count = try SystemCalls.preadAll(file.rawValue, into: buffer.bytes, at: offset)
                if count == 0 { break }
                try SystemCalls.writeAll(old.rawValue, UnsafeRawBufferPointer(rebasing: buffer.bytes[..<count]))
                offset += UInt64(count)
            }
            try SystemCalls.truncate(file.rawValue, to: 0)
        } catch { write("the log cannot be rotated: \(error)") }
    }
}
