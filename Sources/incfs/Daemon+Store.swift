import ControlAPI
import Glibc
import LinuxSystem

extension Daemon {
    /// Why the store cannot be written, found by writing a block there; nil if it can. For when a daemon did not start: it
    /// cannot always say itself what kept it.
    func storeFailure() -> ControlError? {
        let path = store.appending(".write-test.\(getpid())")
        defer { try? SystemCalls.unlink(path, missingIsFine: true) }
        do throws(Errno) {
            let file = try SystemCalls.open(path, flags: O_WRONLY | O_CREAT | O_EXCL, mode: 0o600)
            let block = [UInt8](repeating: 1, count: 4096)
            return block.withUnsafeBytes { bytes in
                do throws(Errno) { try SystemCalls.writeAll(file.rawValue, bytes) } catch { return explain(error) }
                return nil
            }
        } catch { return explain(error) }
    }

    private func explain(_ error: Errno) -> ControlError? {
        let code: ControlError.Code? = switch error.rawValue {
        case ENOSPC, EDQUOT, EROFS, EIO: .disk
        case EACCES, EPERM: .permission
        default: nil
        }
        return code.map { ControlError($0, "The store \(store) cannot be written: \(error).", hint: "Make room, or give another directory with --store DIR.", errno: error.rawValue) }
    }
}
