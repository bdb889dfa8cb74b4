import FUSEMount
import LinuxSystem

extension MountTable {
    /// This namespace's mounts; none where /proc cannot be read.
    static var visible: MountTable { (try? current()) ?? MountTable() }

    /// What programs see, of all places or of one. What another mount lies on cannot be asked by its place, and is not seen there.
    func shown(at place: String?) -> [Entry] { entries.filter { (place == nil || $0.mountpoint == FilePath(place!)) && topmost(at: $0.mountpoint) == $0 } }
}
