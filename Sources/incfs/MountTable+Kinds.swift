import FUSEMount

extension MountTable {
    /// This namespace's mounts; none where /proc cannot be read.
    static var visible: MountTable { (try? current()) ?? MountTable() }
}

extension MountTable.Entry {
    /// Of a package.
    var isIncfs: Bool { type == "fuse.incfs" }
    /// Of backing files or an image.
    var isContract: Bool { type == "fuse.incremental-fs" }
}
