import ArgumentParser
import ControlAPI
import LinuxSystem

struct ServeCommand: Talkative {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Serve a directory over HTTP, for trying things out.",
        discussion: """
            A static web server with byte ranges on a line as slow as you like. Any other web server does as well. Prints \
            the URL when it is ready, then a line for each request. Ends at SIGINT.

              incfs serve out/ --rate 50mbit --delay 20ms
            """)

    @Argument(help: "The directory to serve.")
    var directory: String

    @Option(help: ArgumentHelp("Where to listen; port 0 takes any free one.", valueName: "host:port"))
    var listen = "127.0.0.1:8080"

    @Option(help: "The line's bandwidth, shared by all connections, e.g. 50mbit or 1.5MB/s.")
    var rate: String?

    @Option(help: "Time before the first byte of each answer, e.g. 20ms.")
    var delay: String?

    @Option(help: ArgumentHelp("Where to log requests; - is standard output.", valueName: "file"))
    var log: String?

    @OptionGroup var talk: TalkOptions

    func run() throws {
        let origin = try Executables.path(of: "incfs-origin")
        var arguments = ["incfs-origin", "--listen", listen]
        if let rate { arguments += ["--rate", rate] }
        if let delay { arguments += ["--delay", delay] }
        if let log { arguments += ["--log", log] }
        if Terminal.isQuiet { arguments.append("--quiet") }
        do { try SystemCalls.execute(origin, arguments + ["--", directory]) } catch {
            throw ControlError(.internalFailure, "Cannot start \(origin): \(error).", errno: error.rawValue)
        }
    }
}
