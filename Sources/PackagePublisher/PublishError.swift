import Glibc
import LinuxSystem
import PackageFormat

/// Why nothing was published. Whatever the case, no file lies under a final name that was not there before.
public enum PublishError: Error, Equatable, CustomStringConvertible {
    /// A system call failed: what was tried, on what.
    case system(Errno, doing: String, FilePath)
    /// A socket, device or pipe: it has no content to deliver.
    case unsupportedFile(FilePath)
    /// Its size, time or identity is another than when the directory was listed.
    case changed(FilePath)
    /// An option's value cannot be used, and why.
    case invalidOption(String)
    /// The way from the output directory to the published one is not obvious.
    case baseNeeded(directory: FilePath, output: FilePath)
    /// Another publish of that name into that directory is running.
    case busy(FilePath)
    /// The result would break a limit of the format.
    case format(PackageError)
    case cancelled

    /// The system's word for it.
    public var rawErrno: Int32 {
        switch self {
        case .system(let errno, _, _): errno.rawValue
        case .unsupportedFile: EINVAL
        case .changed: EAGAIN
        case .invalidOption, .baseNeeded: EINVAL
        case .busy: EBUSY
        case .format: EFBIG
        case .cancelled: ECANCELED
        }
    }

    public var description: String {
        switch self {
        case .system(let errno, let doing, let path): "cannot \(doing) \(path): \(errno)"
        case .unsupportedFile(let path):
            "cannot publish \(path): it is a socket, a device or a pipe, and a package holds files, directories and links only; remove it or publish another directory"
        case .changed(let path): "\(path) changed while it was being published; publish again when nobody writes to the directory"
        case .invalidOption(let why): why
        case .baseNeeded(let directory, let output):
            "cannot tell how clients get from \(output) to \(directory) in place: neither lies inside the other or beside it; say it with --base, relative to the envelope's address"
        case .busy(let path): "another publish is writing \(path); wait for it or choose another name"
        case .format(let error): "the directory does not fit into a package: \(error)"
        case .cancelled: "publishing was stopped; nothing was written"
        }
    }
}
