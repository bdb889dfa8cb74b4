import ControlAPI
import Glibc
import LinuxSystem

/// A fresh directory that nobody else can enter, for the mount of one `run`.
struct PrivateMountpoint {
    let path: FilePath

    init(in places: ControlPlaces) throws(ControlError) {
        try places.makeRuntimeDirectory()
        var template = Array(places.runtimeDirectory.appending("run.XXXXXX").string.utf8CString)
        guard mkdtemp(&template) != nil else {
            let code = errno
            throw ControlError(.permission, "Cannot make a directory in \(places.runtimeDirectory): \(Errno(rawValue: code)).", errno: code)
        }
        path = template.withUnsafeBufferPointer { FilePath(platformString: $0.baseAddress!) }
    }

    /// The directory is empty once the mount is gone; while it is not, it stays.
    func remove() { try? SystemCalls.removeDirectory(path) }
}
