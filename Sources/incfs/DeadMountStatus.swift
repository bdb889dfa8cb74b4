import FUSEMount

/// A mount whose daemon was killed, in `incfs status`: programs get nothing but errors from it until it is unmounted or mounted again.
struct DeadMountStatus: Encodable {
    var mountpoint: String
    /// What was mounted, as the mount table has it.
    var source: String

    /// Among this user's mounts that show in this namespace, those of `places` aside, which have a daemon.
    static func all(at place: String?, except places: [String]) -> [DeadMountStatus] {
        MountTable.visible.shown(at: place).filter { !places.contains($0.mountpoint.string) && FUSEMount.isDead($0) }
            .map { DeadMountStatus(mountpoint: $0.mountpoint.string, source: $0.source) }
    }
}
