import ControlAPI
import Glibc
import LinuxSystem

/// Starts `incfs-keeper`, which starts the daemon, in a session of its own: it outlives the terminal.
///
/// The keeper reports on descriptor 3: `R` when the control socket is listening, `B` when another keeper holds the store,
/// `E` and a sentence when it cannot.
struct KeeperLauncher {
    let daemon: Daemon

    /// Returns when the socket can be connected to; false when another keeper is there already.
    func start(interruption: CInt) throws(ControlError) -> Bool {
        let keeper = try Executables.path(of: "incfs-keeper")
        var arguments = ["incfs-keeper", "--store", daemon.store.string, "--socket", daemon.socket.string, "--daemon", try Executables.path(of: "incfsd").string]
        switch daemon.places.log {
        case .journal(let socket)?: arguments += ["--journal", socket.string]
        case .file(let log)?:
            // Without its directory the keeper runs all the same, with its log in the store.
            if (try? SystemCalls.makeDirectories(log.removingLastComponent(), mode: 0o700)) != nil { arguments += ["--log", log.string] }
        case nil: break
        }
        if let seconds = daemon.places.lingerSeconds { arguments += ["--", "--linger", seconds] }
        let report: CInt
        do {
            // Nothing of the terminal or of a pipeline is held by a process that stays.
            let null = try SystemCalls.open("/dev/null", flags: O_RDWR)
            let (read, write) = try SystemCalls.pipe()
            report = read
            defer { SystemCalls.close(write) }
            _ = try SystemCalls.spawn(keeper, arguments, descriptors: [null.rawValue, null.rawValue, null.rawValue, write], newSession: true)
        } catch {
            throw ControlError(.daemonUnavailable, "Cannot start \(keeper): \(error).", hint: "Install incfs again; its parts belong in one directory.", errno: error.rawValue)
        }
        defer { SystemCalls.close(report) }
        return try understand(try readReport(report, interruption: interruption))
    }

    /// Everything the keeper says, at most a sentence.
    private func readReport(_ report: CInt, interruption: CInt) throws(ControlError) -> [UInt8] {
        var said: [UInt8] = []
        let deadline = MonotonicTime.now.adding(milliseconds: 20_000)
        while said.count < 4096 {
            var entries = [pollfd(fd: report, events: Int16(POLLIN), revents: 0), pollfd(fd: interruption, events: Int16(POLLIN), revents: 0)]
            let left = CInt(deadline.since(.now) / 1_000_000)
            let ready = (try? SystemCalls.poll(&entries, timeoutMilliseconds: left)) ?? 0
            if ready > 0 && entries[1].revents != 0 { throw ControlError(.cancelled, "Interrupted.") }
            if ready > 0 && entries[0].revents != 0 {
                var chunk = [UInt8](repeating: 0, count: 512)
                let count = chunk.withUnsafeMutableBytes { (try? SystemCalls.read(report, into: $0)) ?? 0 }
                if count == 0 { return said }
                said += chunk[..<count]
                if let first = said.first, first != UInt8(ascii: "E") { return said }
            } else if deadline <= .now {
                throw ControlError(.daemonUnavailable, "The daemon for the store \(daemon.store) did not start within 20 seconds.", hint: daemon.logHint)
            }
        }
        return said
    }

    private func understand(_ said: [UInt8]) throws(ControlError) -> Bool {
        switch said.first {
        case UInt8(ascii: "R"): return true
        case UInt8(ascii: "B"): return false
        case UInt8(ascii: "E"):
            if let failure = daemon.storeFailure() { throw failure }
            let reason = String(decoding: said.dropFirst(), as: UTF8.self).trimmed
            throw ControlError(.daemonUnavailable, "The daemon for the store \(daemon.store) cannot start: \(reason)", hint: daemon.logHint)
        default:
            if let failure = daemon.storeFailure() { throw failure }
            throw ControlError(.daemonUnavailable, "The daemon for the store \(daemon.store) ended before it was ready.", hint: daemon.logHint)
        }
    }
}

extension String {
    /// Without blanks and line ends around it.
    var trimmed: String {
        var rest = self[...]
        while let c = rest.first, c.isWhitespace { rest = rest.dropFirst() }
        while let c = rest.last, c.isWhitespace { rest = rest.dropLast() }
        return String(rest)
    }
}
