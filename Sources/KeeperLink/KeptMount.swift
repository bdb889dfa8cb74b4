import LinuxSystem

/// A mount in the hands of the daemon. The keeper holds the same open files: when this process dies, the mount lives.
public struct KeptMount: Sendable, Equatable {
    public var identity: MountIdentity
    /// The memory file for `SessionStateFile`. Owned by whoever received this value.
    public var stateFile: CInt
    /// The device, then its clones. Owned as `stateFile`. File status flags are shared with the keeper, which never reads.
    public var devices: [CInt]
    /// What an earlier daemon gave the keeper with the mount; the keeper has it too. Owned as `stateFile`.
    public private(set) var companion: CInt?

    init(identity: MountIdentity, descriptors: [CInt]) {
        self.identity = identity
        var descriptors = descriptors
        companion = identity.hasCompanion ? descriptors.removeLast() : nil
        stateFile = descriptors[0]
        devices = Array(descriptors[1...])
    }

    /// Hands the companion over: `close` leaves it alone from now on.
    public mutating func takeCompanion() -> CInt? {
        defer { companion = nil }
        return companion
    }

    /// Closes this process's descriptors. The mount stays as long as the keeper holds its own.
    public func close() {
        SystemCalls.close(stateFile)
        for device in devices { SystemCalls.close(device) }
        if let companion { SystemCalls.close(companion) }
    }
}
