import CLinux
import Glibc
import SystemPackage

/// Unix sockets beyond streams, and what kind a file system is. Same rules as `SystemCalls`.
extension SystemCalls {
    /// The path that a Unix socket is bound to (getsockname(2)). `ENOENT` where it has none.
    public static func localPath(ofSocket descriptor: CInt) throws(Errno) -> FilePath {
        var path = [CChar](repeating: 0, count: 128)
        let result = path.withUnsafeMutableBufferPointer { clinux_unix_name(descriptor, $0.baseAddress!, $0.count) }
        let count = Int(try value(result))
        return FilePath(String(decoding: path[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self))
    }

    /// A datagram socket connected to the one at `path` (unix(7)). `ENOENT`, `ECONNREFUSED` where nobody receives.
    public static func connectDatagrams(to path: FilePath) throws(Errno) -> OwnedDescriptor {
        OwnedDescriptor(CInt(try value(path.withPlatformString { clinux_unix_connect_type($0, CInt(SOCK_DGRAM.rawValue)) })))
    }

    /// Sends one datagram without waiting (send(2)). `EAGAIN` when the receiver is behind, `EMSGSIZE` when it is too long.
    public static func sendDatagram(_ descriptor: CInt, _ bytes: UnsafeRawBufferPointer) throws(Errno) {
        _ = try value(clinux_send_datagram(descriptor, bytes.baseAddress, bytes.count))
    }

    /// The type of the file system at `path`: `f_type` of statfs(2).
    public static func fileSystemType(of path: FilePath) throws(Errno) -> Int { Int(try value(path.withPlatformString { clinux_fs_type($0) })) }
}
