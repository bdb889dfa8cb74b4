import FUSEMount

extension MountTable {
    /// This namespace's mounts; none where /proc cannot be read.
    static var visible: MountTable { (try? current()) ?? MountTable() }
}
