import Glibc

/// Plain TCP sockets on the loopback address, for origins of tests.
enum LoopbackSocket {
    /// A listening socket on `port` (0: a free one) and the port that it got. Traps when there is none.
    static func listen(port: Int = 0) -> (descriptor: CInt, port: Int) {
        let descriptor = socket(AF_INET, CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)
        precondition(descriptor >= 0, "no socket: errno \(errno)")
        var on: CInt = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<CInt>.size))
        var address = loopback(port)
        let bound = withUnsafePointer(to: &address) { $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, size) } }
        precondition(bound == 0 && Glibc.listen(descriptor, 128) == 0, "cannot listen on port \(port): errno \(errno)")
        var got = sockaddr_in()
        var length = size
        _ = withUnsafeMutablePointer(to: &got) { $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) } }
        return (descriptor, Int(UInt16(bigEndian: got.sin_port)))
    }

    /// A port on which nothing listens just now.
    static func freePort() -> Int {
        let (descriptor, port) = listen()
        close(descriptor)
        return port
    }

    /// True if something accepts connections on `port`.
    static func answers(port: Int) -> Bool {
        let descriptor = socket(AF_INET, CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)
        defer { close(descriptor) }
        var address = loopback(port)
        return withUnsafePointer(to: &address) { $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, size) } } == 0
    }

    private static let size = socklen_t(MemoryLayout<sockaddr_in>.size)

    private static func loopback(_ port: Int) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return address
    }
}
