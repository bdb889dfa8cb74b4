import ControlAPI
import Glibc
import LinuxSystem
import Synchronization

/// Keeps a writable layer from being used by anybody else.
final class LayerLock: Sendable {
    private let file: Mutex<CInt>
    /// The open file that has the lock: whoever has a copy of this descriptor has it too.
    var descriptor: CInt { file.withLock { $0 } }

    /// Takes over a descriptor that has the lock.
    init(holding descriptor: CInt) { file = Mutex(descriptor) }

    /// - Throws: code `busy` when a program or another mount has it, `disk` when it cannot be locked.
    init(_ layer: LayerDirectory) throws(ControlError) {
        do {
            guard let claimed = try layer.claim() else {
                throw ControlError(
                    .busy, "Another program or mount writes over this package in \(layer.path).", hint: "Wait until it has ended, or keep what is written here elsewhere: --writable=DIR.")
            }
            file = Mutex(claimed.take())
        } catch let error as ControlError { throw error } catch {
            let errno = (error as? Errno)?.rawValue
            throw ControlError(.disk, "Cannot lock \(layer.path): \(error).", hint: "Choose another directory with --writable=DIR.", errno: errno)
        }
    }

    /// For a request: nil where nothing is written, or where the caller has the lock himself.
    static func of(_ request: MountRequest) throws(ControlError) -> LayerLock? {
        guard let layer = request.layer, !request.shared else { return nil }
        return try LayerLock(LayerDirectory(FilePath(layer)))
    }

    func release() {
        file.withLock { file in
            if file >= 0 { SystemCalls.close(file) }
            file = -1
        }
    }

    deinit { release() }
}
