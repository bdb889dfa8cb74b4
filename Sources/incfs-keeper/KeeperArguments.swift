import LinuxSystem

/// The command line of the keeper.
struct KeeperArguments {
    var store: FilePath
    var socket: FilePath
    var daemon: FilePath
    var log: FilePath
    /// The journal's socket, where that is logged to instead.
    var journal: FilePath?
    /// Milliseconds of silence after which a daemon is replaced; 0 never.
    var watchdogMilliseconds: UInt64
    var daemonArguments: [String]

    static let usage = """
        usage: incfs-keeper --store DIR --socket PATH --daemon INCFSD [--log FILE | --journal SOCKET] [--watchdog SECONDS] [-- ARGUMENTS OF THE DAEMON]

        Keeps the mounts of one store alive: mounts, holds their descriptors, and starts the daemon again when it dies.
        Descriptor 3, if it is a pipe, gets one byte: R (ready), B (another keeper has the store), or E and a sentence.

          --log FILE          default: daemon.log in the store
          --journal SOCKET    log to systemd's journal; to the file where nobody receives there
          --watchdog SECONDS  replace a daemon that is silent so long; default 15, 0 never

        exit status: 0 after an orderly end, 1 when the daemon could not be kept running, 64 for wrong arguments,
        73 when the store, the socket or the log cannot be made, 75 when the store is busy

        """

    /// What is wrong with the command line, in words.
    struct Wrong: Error { var sentence: String }

    init(_ arguments: [String]) throws(Wrong) {
        var values: [String: String] = [:]
        var extra: [String] = []
        var index = 0
        while index < arguments.count {
            let name = arguments[index]
            if name == "--" {
                extra = Array(arguments[(index + 1)...])
                break
            }
            guard ["--store", "--socket", "--daemon", "--log", "--journal", "--watchdog"].contains(name) else { throw Wrong(sentence: "unknown argument \(name)") }
            guard index + 1 < arguments.count, arguments[index + 1] != "--" else { throw Wrong(sentence: "\(name) needs a value") }
            values[name] = arguments[index + 1]
            index += 2
        }
        func path(_ name: String) throws(Wrong) -> FilePath {
            guard let value = values[name], !value.isEmpty else { throw Wrong(sentence: "\(name) is missing") }
            return try Self.absolute(value)
        }
        store = try path("--store")
        socket = try path("--socket")
        daemon = try path("--daemon")
        log = values["--log"] == nil ? store.appending("daemon.log") : try path("--log")
        journal = values["--journal"] == nil ? nil : try path("--journal")
        let seconds = values["--watchdog"] ?? "15"
        guard let limit = UInt64(seconds), limit <= 86_400 else { throw Wrong(sentence: "--watchdog takes seconds, not \(seconds)") }
        watchdogMilliseconds = limit * 1000
        daemonArguments = extra
    }

    /// The keeper outlives the directory it was started in.
    private static func absolute(_ value: String) throws(Wrong) -> FilePath {
        let path = FilePath(value)
        if path.isAbsolute { return path }
        do throws(Errno) { return try SystemCalls.realPath(".").pushing(path).lexicallyNormalized() } catch {
            throw Wrong(sentence: "\(value) is relative and the working directory cannot be found: \(error)")
        }
    }
}
