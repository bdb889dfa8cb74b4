import ControlAPI
import FUSEMount
import Glibc
import LinuxSystem

/// A directory that takes what is written over a package, which stays as it is (overlayfs).
struct WritableLayer {
    /// What the mount table calls it.
    static let source = "incfs-writable"

    /// Holds `upper`, where what is written lies as plain files, and `work`, which is the file system's own.
    let directory: FilePath

    /// Takes the layer at a place away, if there is one on top; what was written stays in its directory.
    ///
    /// - Throws: code `mountpoint_busy` where something is open in it and `lazy` is false.
    static func remove(at place: String, lazy: Bool) throws(ControlError) {
        guard let top = MountTable.visible.topmost(at: FilePath(place)), top.type == "overlay", top.source == source else { return }
        do { try SystemCalls.unmount(FilePath(place), flags: 8 /* UMOUNT_NOFOLLOW */ | (lazy ? 2 /* MNT_DETACH */ : 0)) } catch {
            throw UnmountCommand.failure(place, error)
        }
    }

    /// Keeps the layer for this process, what it becomes, and its children: two overlays over one directory would damage it.
    ///
    /// - Throws: code `busy` when another program has it.
    func claim() throws(ControlError) {
        do {
            if let file = try LayerDirectory(directory).claim()?.take() { return try SystemCalls.keepAcrossExecution(file) }
        } catch {
            throw ControlError(.disk, "Cannot lock \(directory): \(error).", hint: "Choose another directory with --writable=DIR.", errno: error.rawValue)
        }
        throw ControlError(
            .busy, "Another program or mount writes over this package in \(directory).", hint: "Wait until it has ended, or keep what this one writes elsewhere: --writable=DIR.")
    }

    /// Shows `root` with the layer over it at `target`, which may be `root` itself.
    ///
    /// - Throws: code `internal` or `permission`.
    func mount(over root: FilePath, at target: FilePath, noExec: Bool = false) throws(ControlError) {
        do {
            for name in ["upper", "work"] { try SystemCalls.makeDirectories(directory.appending(name), mode: 0o755) }
            // By descriptor: no character of a path means anything to the parser of the options.
            let opened = { (path: FilePath) throws(Errno) in try SystemCalls.open(path, flags: SystemCalls.pathOnly | O_DIRECTORY).take() }
            let lower = try opened(root), upper = try opened(directory.appending("upper")), work = try opened(directory.appending("work"))
            defer { for descriptor in [lower, upper, work] { SystemCalls.close(descriptor) } }
            let options = "lowerdir=/proc/self/fd/\(lower),upperdir=/proc/self/fd/\(upper),workdir=/proc/self/fd/\(work)" + (geteuid() == 0 ? "" : ",userxattr")
            try SystemCalls.mountOverlay(at: target, options: options, noExec: noExec)
        } catch {
            throw ControlError(
                error == .notPermitted ? .permission : .internalFailure, "Cannot make the package writable with \(directory): \(error).",
                hint: "The directory has to lie on a local file system with extended attributes, like ext4, and not be in use by another run.", errno: error.rawValue)
        }
    }
}
