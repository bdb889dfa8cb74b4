import ArgumentParser
import ControlAPI
import FUSEMount
import Glibc
import LinuxSystem

struct UnmountCommand: Talkative {
    static let configuration = CommandConfiguration(
        commandName: "unmount",
        abstract: "End a mount.",
        discussion: "What was fetched stays in the store. Works without a daemon as well, like umount and fusermount3 -u.")

    @Argument(help: "The mount.")
    var mountpoint: String

    @OptionGroup var store: StoreOptions
    @OptionGroup var talk: TalkOptions

    @Flag(help: "Detach it now, even while files are open; they stay usable until closed.")
    var lazy = false

    func run() throws {
        let place = try MountpointPath.existing(mountpoint)
        try WritableLayer.remove(at: place, lazy: lazy)
        if let (client, _) = try MountedDaemons.serving(place, store: store.store) {
            _ = try client.call(.unmount(UnmountRequest(mountpoint: place, lazy: lazy)))
            return
        }
        guard let entry = MountTable.visible.topmost(at: FilePath(place)) else {
            throw ControlError(.notMounted, "Nothing is mounted at \(place).", hint: "See what is mounted with: incfs status")
        }
        guard entry.isIncfs || entry.isContract else { throw ControlError(.notMounted, "What is mounted at \(place) is not of incfs (\(entry.type)).", hint: "Use umount(8) for it.") }
        try unmountWithoutDaemon(place)
    }

    private func unmountWithoutDaemon(_ place: String) throws(ControlError) {
        do { return try SystemCalls.unmount(FilePath(place), flags: 8 /* UMOUNT_NOFOLLOW */ | (lazy ? 2 /* MNT_DETACH */ : 0)) } catch {
            guard error == .notPermitted || error == .permissionDenied else { throw Self.failure(place, error) }
        }
        // Users unmount their own FUSE mounts through the set-user-id program of the fuse3 package.
        for directory in ["/usr/bin", "/bin", "/usr/local/bin"] {
            let program = FilePath("\(directory)/fusermount3")
            guard (try? SystemCalls.status(of: program)) != nil else { continue }
            let arguments = ["fusermount3", "-u"] + (lazy ? ["-z"] : []) + ["--", place]
            guard let pid = try? SystemCalls.spawn(program, arguments, descriptors: [0, 1, 2]), let ended = try? SystemCalls.wait(for: pid), ended.status == 0 else {
                throw Self.failure(place, .resourceBusy)
            }
            return
        }
        throw ControlError(.permission, "Only root can unmount \(place) here: fusermount3 is not installed.", hint: "Install it with: apt-get install fuse3")
    }

    static func failure(_ place: String, _ error: Errno) -> ControlError {
        if error == .resourceBusy {
            return ControlError(.mountpointBusy, "\(place) is in use: a program has a file or its current directory there.",
                                hint: "End it (fuser -vm '\(place)' shows which), or detach with: incfs unmount --lazy '\(place)'", errno: error.rawValue)
        }
        return ControlError(.internalFailure, "Cannot unmount \(place): \(error).", errno: error.rawValue)
    }
}
