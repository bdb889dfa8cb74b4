import CLinux
import Glibc
import SystemPackage

extension SystemCalls {
    /// `O_PATH`, which the C library's module lacks: looks without opening.
    public static let pathOnly: CInt = 0o10000000

    /// openat2(2) that never leaves `directory`: `..`, absolute paths and symbolic links that lead out are `EXDEV`.
    /// `path` is raw bytes without NUL. Close-on-exec. `EINTR` and `EAGAIN` (a rename went on beside) are retried.
    public static func open(_ path: [UInt8], beneath directory: CInt, flags: CInt) throws(Errno) -> OwnedDescriptor {
        let terminated = path.map { CChar(bitPattern: $0) } + [0]
        while true {
            let result = clinux_open_beneath(directory, terminated, flags)
            if result == -Int64(EINTR) || result == -Int64(EAGAIN) { continue }
            return OwnedDescriptor(CInt(try value(result)))
        }
    }

    /// openat2(2) with `directory` as the root of everything: absolute paths and links mean what they mean inside it.
    public static func open(_ path: FilePath, inRoot directory: CInt, flags: CInt) throws(Errno) -> OwnedDescriptor {
        while true {
            let result = path.withPlatformString { clinux_open_in_root(directory, $0, flags) }
            if result == -Int64(EINTR) || result == -Int64(EAGAIN) { continue }
            return OwnedDescriptor(CInt(try value(result)))
        }
    }
}
