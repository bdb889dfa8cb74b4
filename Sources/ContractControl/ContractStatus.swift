import LinuxSystem

/// How a mount of a backing directory is, as its daemon says.
public struct ContractStatus: Sendable, Equatable {
    public struct Counter: Sendable, Equatable, CustomStringConvertible {
        public var name: String
        public var value: UInt64

        public init(name: String, value: UInt64) {
            self.name = name
            self.value = value
        }

        public var description: String { "\(name) \(value)" }
    }

    /// The names of the lines before the counters.
    private static let daemon = "daemon_pid", waiting = "readers_waiting"

    public var daemonPid: Int32
    /// Reads whose block is missing.
    public var readersWaiting: UInt64
    /// By the names of the interface (/sys/fs/incremental-fs/instances/NAME), in its order.
    public var counters: [Counter]

    public init(daemonPid: Int32, readersWaiting: UInt64, counters: [Counter]) {
        self.daemonPid = daemonPid
        self.readersWaiting = readersWaiting
        self.counters = counters
    }

    /// Asks the daemon of the mount with device number `device` (`MAJOR:MINOR`).
    ///
    /// Throws `EPERM` when no daemon of this user serves it, `EBADMSG` for an answer that is no status, else as `ContractMessage.ask`. Waits for the daemon, at
    /// most 5 seconds.
    public init(ofMount device: String) throws(Errno) {
        guard let socket = ContractPlaces.socket(ofMount: device) else { throw .notPermitted }
        try self.init(ofMount: device, at: socket)
    }

    /// The same of the daemon behind `socket`.
    public init(ofMount device: String, at socket: FilePath) throws(Errno) {
        try self.init(lines: try ContractMessage.ask(["status", device], at: socket))
    }

    /// A line each for the daemon, for what waits, and for every counter: a name, a space, a number.
    public var lines: [String] { ["\(Self.daemon) \(daemonPid)", "\(Self.waiting) \(readersWaiting)"] + counters.map(\.description) }

    /// Throws `EBADMSG` for lines that are none of a status.
    public init(lines: [String]) throws(Errno) {
        var values: [Counter] = []
        for line in lines {
            let words = line.split(separator: " ", omittingEmptySubsequences: false)
            guard words.count == 2, let value = UInt64(words[1]) else { throw .badMessage }
            values.append(Counter(name: String(words[0]), value: value))
        }
        guard values.count >= 2, values[0].name == Self.daemon, let pid = Int32(exactly: values[0].value), values[1].name == Self.waiting else { throw .badMessage }
        self.init(daemonPid: pid, readersWaiting: values[1].value, counters: Array(values.dropFirst(2)))
    }
}
