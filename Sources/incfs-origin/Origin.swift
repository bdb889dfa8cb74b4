import Glibc
import Hummingbird
import LinuxSystem
import Logging
import NIOCore

/// The server from its start to the signal that ends it.
struct Origin {
    let directory: DirectoryHandle
    /// For people.
    let name: String
    let address: ListenAddress
    let link: SharedLink
    let delay: Double
    let log: RequestLog

    /// Serves until SIGINT or SIGTERM. Blocks the calling thread, which must be the first: threads that start later inherit
    /// the blocked signals.
    func run() throws {
        _ = Glibc.signal(SIGPIPE, SIG_IGN)
        let signals = try SystemCalls.signalDescriptor([SIGINT, SIGTERM])
        var logger = Logger(label: "incfs-origin")
        logger.logLevel = .critical
        let address = address, name = name
        let application = Application(
            responder: OriginResponder(directory: directory, link: link, delay: delay, log: log),
            configuration: ApplicationConfiguration(address: .hostname(address.host, port: address.port)),
            onServerRunning: { channel in
                FileDescriptorText.write("Serving \(name) at \(address.url(port: channel.localAddress?.port ?? address.port))\n", to: STDOUT_FILENO)
            },
            logger: logger)
        let ended = Condition<String??>(nil)
        let wake = try SystemCalls.eventDescriptor().take()
        let serving = Task {
            var reason: String?
            do { try await application.run() } catch is CancellationError {} catch { reason = Self.explain(error) }
            ended.update { $0 = .some(reason) }
            var one: UInt64 = 1
            _ = withUnsafeBytes(of: &one) { try? SystemCalls.write(wake, $0) }
        }
        var entries = [pollfd(fd: signals.rawValue, events: Int16(POLLIN), revents: 0), pollfd(fd: wake, events: Int16(POLLIN), revents: 0)]
        while try SystemCalls.poll(&entries, timeoutMilliseconds: -1) == 0 {}
        if entries[1].revents == 0 {
            serving.cancel()
            // Downloads under way end with their connections; nothing is written that could be left half done.
            _ = ended.wait(until: MonotonicTime.now.adding(milliseconds: 2000)) { $0 }
            return
        }
        if case .some(.some(let reason)) = ended.withLock({ $0 }) {
            throw OriginFailure(1, "Cannot serve at \(address.host):\(address.port): \(reason) Choose another place with --listen HOST:PORT.")
        }
    }

    private static func explain(_ error: any Error) -> String {
        guard let error = error as? IOError else { return "\(error)." }
        return "\(Errno(rawValue: error.errnoCode))."
    }
}
