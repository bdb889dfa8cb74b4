import LinuxSystem

/// A mount that was just made. The receiver owns the descriptors; the mount ends when the last copy of the first one
/// is closed.
public struct MountedDevice: Sendable, Equatable {
    public enum How: Sendable { case privileged, fusermount }

    /// The device, then its clones; blocking, close-on-exec.
    public var descriptors: [CInt]
    public var how: How
    /// As the kernel names it: absolute, without symbolic links.
    public var mountpoint: FilePath
    /// `st_dev` of the mount, from the mount table.
    public var device: DeviceNumber
}

/// Major and minor number of a mounted file system; `minor` names its directory in /sys/fs/fuse/connections.
public struct DeviceNumber: Sendable, Hashable, CustomStringConvertible {
    public var major: UInt32
    public var minor: UInt32

    public init(major: UInt32, minor: UInt32) {
        self.major = major
        self.minor = minor
    }

    /// As `description` has it; nil for anything else.
    public init?(text: String) {
        let numbers = text.split(separator: ":", omittingEmptySubsequences: false).map { UInt32($0) }
        guard numbers.count == 2, let major = numbers[0], let minor = numbers[1] else { return nil }
        self.init(major: major, minor: minor)
    }

    public var description: String { "\(major):\(minor)" }
}
