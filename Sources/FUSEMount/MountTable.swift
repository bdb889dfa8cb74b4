import LinuxSystem

/// The mounts of this process's namespace from /proc/self/mountinfo (proc_pid_mountinfo(5)): reading it asks no file system.
public struct MountTable: Sendable, Equatable {
    public struct Entry: Sendable, Equatable {
        /// The mount's own number, which is the next one's as soon as this one is gone.
        public var number: UInt64
        public var device: DeviceNumber
        public var mountpoint: FilePath
        public var type: String
        /// What is mounted there, by its file system's own words: a device, a directory, an address.
        public var source: String
        /// What the mount itself is; its file system can be so, too.
        public var isReadOnly = false
        /// Who mounted it, of a FUSE file system (`user_id=`).
        public var user: UInt32?
        public var isFUSE: Bool { type == "fuse" || type == "fuseblk" || type.hasPrefix("fuse.") }
        /// Of a package.
        public var isIncfs: Bool { type == "fuse.incfs" }
        /// Of backing files or an image.
        public var isContract: Bool { type == "fuse.incremental-fs" }
    }

    /// In the order of the table: of two mounts at one place the later lies on top.
    public var entries: [Entry]

    public init(entries: [Entry] = []) { self.entries = entries }

    /// Throws as open(2) and read(2) on procfs.
    public static func current() throws(Errno) -> MountTable {
        MountTable(text: try SystemCalls.contents(of: "/proc/self/mountinfo"))
    }

    /// The table that an open mountinfo shows now, from its start; of any thread. Empty where its process is gone. Throws as pread(2).
    public init(reading descriptor: CInt) throws(Errno) {
        var text: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65536)
        // Not by a seek to the start, which procfs answers with what it has kept.
        while true {
            let position = UInt64(text.count)
            let count: Int
            do { count = try chunk.withUnsafeMutableBytes { try SystemCalls.pread(descriptor, into: $0, at: position) } } catch { throw error as? Errno ?? .ioError }
            if count == 0 { break }
            text += chunk[..<count]
        }
        self.init(text: text)
    }

    /// Parses the table; lines that are not understood are left out.
    init(text: [UInt8]) { entries = text.split(separator: UInt8(ascii: "\n")).compactMap(Self.entry) }

    /// What one sees at exactly this place.
    public func topmost(at mountpoint: FilePath) -> Entry? { entries.last { $0.mountpoint == mountpoint } }

    /// The FUSE mount that a walk along `path` would enter last, if there is one.
    public func fuseMount(above path: FilePath) -> Entry? { entries.last { $0.isFUSE && path.starts(with: $0.mountpoint) } }

    private static func entry(_ line: ArraySlice<UInt8>) -> Entry? {
        let fields = line.split(separator: UInt8(ascii: " "))
        // Optional fields end with a lone "-"; the type follows.
        guard fields.count > 8, let separator = fields[6...].firstIndex(of: [UInt8(ascii: "-")]), separator + 2 < fields.count else { return nil }
        guard let number = UInt64(String(decoding: fields[0], as: UTF8.self)), let device = DeviceNumber(text: String(decoding: fields[2], as: UTF8.self)) else { return nil }
        return Entry(
            number: number, device: device, mountpoint: path(fields[4]),
            type: String(decoding: fields[separator + 1], as: UTF8.self), source: String(decoding: unescaped(fields[separator + 2]), as: UTF8.self),
            isReadOnly: fields[5].split(separator: UInt8(ascii: ",")).contains([UInt8(ascii: "r"), UInt8(ascii: "o")]),
            user: separator + 3 < fields.count ? user(fields[separator + 3]) : nil)
    }

    private static func user(_ options: ArraySlice<UInt8>) -> UInt32? {
        let key = Array("user_id=".utf8)
        guard let option = options.split(separator: UInt8(ascii: ",")).first(where: { $0.starts(with: key) }) else { return nil }
        return UInt32(String(decoding: option.dropFirst(key.count), as: UTF8.self))
    }

    private static func path(_ field: ArraySlice<UInt8>) -> FilePath {
        (unescaped(field).map { CChar(bitPattern: $0) } + [0]).withUnsafeBufferPointer { FilePath(platformString: $0.baseAddress!) }
    }

    /// Space, tab, newline and backslash stand as `\ooo`.
    private static func unescaped(_ field: ArraySlice<UInt8>) -> [UInt8] {
        var bytes: [UInt8] = []
        var rest = field
        while let first = rest.first {
            let octal = rest.prefix(4)
            if octal.count == 4, first == UInt8(ascii: "\\"), octal.dropFirst().allSatisfy({ (0x30...0x37).contains($0) }) {
                bytes.append(UInt8(truncatingIfNeeded: octal.dropFirst().reduce(0) { $0 << 3 | Int($1 - 0x30) }))
                rest.removeFirst(4)
            } else { bytes.append(rest.removeFirst()) }
        }
        return bytes
    }
}
