import LinuxSystem

/// The mounts of this process's namespace from /proc/self/mountinfo (proc_pid_mountinfo(5)): reading it asks no file system.
public struct MountTable: Sendable, Equatable {
    public struct Entry: Sendable, Equatable {
        public var device: DeviceNumber
        public var mountpoint: FilePath
        public var type: String
        public var isFUSE: Bool { type == "fuse" || type == "fuseblk" || type.hasPrefix("fuse.") }
    }

    /// In the order of the table: of two mounts at one place the later lies on top.
    public var entries: [Entry]

    /// Throws as open(2) and read(2) on procfs.
    public static func current() throws(Errno) -> MountTable {
        MountTable(text: try SystemCalls.contents(of: "/proc/self/mountinfo"))
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
        guard fields.count > 8, let separator = fields[6...].firstIndex(of: [UInt8(ascii: "-")]), separator + 1 < fields.count else { return nil }
        let numbers = fields[2].split(separator: UInt8(ascii: ":")).map { UInt32(String(decoding: $0, as: UTF8.self)) }
        guard numbers.count == 2, let major = numbers[0], let minor = numbers[1] else { return nil }
        return Entry(
            device: DeviceNumber(major: major, minor: minor), mountpoint: FilePath(escaped: fields[4]),
            type: String(decoding: fields[separator + 1], as: UTF8.self))
    }
}

extension FilePath {
    /// A path with space, tab, newline and backslash as `\ooo`.
    fileprivate init(escaped field: ArraySlice<UInt8>) {
        var bytes: [CChar] = []
        var index = field.startIndex
        while index < field.endIndex {
            let octal = field[index...].prefix(4)
            if octal.count == 4, octal.first == UInt8(ascii: "\\"), octal.dropFirst().allSatisfy({ (0x30...0x37).contains($0) }) {
                let value = octal.dropFirst().reduce(0) { $0 << 3 | Int($1 - 0x30) }
                bytes.append(CChar(bitPattern: UInt8(truncatingIfNeeded: value)))
                index += 4
            } else {
                bytes.append(CChar(bitPattern: field[index]))
                index += 1
            }
        }
        bytes.append(0)
        self = bytes.withUnsafeBufferPointer { FilePath(platformString: $0.baseAddress!) }
    }
}
