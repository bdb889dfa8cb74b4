import ControlAPI
import Glibc
import LinuxSystem

/// What to say where FUSE is missing or not allowed: in a container, on a hosted build machine.
enum WithoutFUSE {
    /// What containers need for mounts, as docker(1) and podman(1) call it.
    static let containerFlags = "--device /dev/fuse --cap-add SYS_ADMIN --security-opt apparmor=unconfined"

    /// nil if the mount failed for another reason.
    static func refusal(_ request: MountRequest, _ name: String, _ why: String, _ errno: Errno) -> ControlError? {
        let hasDevice = (try? SystemCalls.status(of: "/dev/fuse")) != nil
        let forbidden = errno == .notPermitted || errno == .permissionDenied
        guard !hasDevice || forbidden || errno.rawValue == ENODEV else { return nil }
        // Already said in the reason: where the device is there, who may open it.
        return ControlError(
            hasDevice && forbidden ? .permission : .noFUSE, "Cannot mount at \(request.mountpoint): \(why)",
            hint: "If this is a container, start it with \(containerFlags). Without FUSE get the files as an ordinary directory: incfs fetch '\(name)' DIR", errno: errno.rawValue)
    }
}
