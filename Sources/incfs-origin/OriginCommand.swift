import ArgumentParser
import Glibc
import Hummingbird
import LinuxSystem
import Logging

@main
struct OriginCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "incfs-origin",
        abstract: "Serve a directory over HTTP, with a line as slow as you like.",
        discussion: """
            For trying things out: GET and HEAD with byte ranges, validators and conditional requests. All connections \
            share one line of the given rate. Symbolic links that lead out of the directory are not followed.

            The URL is printed when the server is ready, then one line for each request: time, method, path, range, status, bytes, duration. \
            SIGINT or SIGTERM ends it. Exit status: 0 ended by a signal, 1 cannot serve, 2 usage.
            """)

    @Argument(help: "The directory to serve.")
    var directory: String

    @Option(help: ArgumentHelp("Where to listen: HOST:PORT, [IPV6]:PORT or PORT; port 0 takes any free one.", valueName: "host:port"))
    var listen = "127.0.0.1:8080"

    @Option(help: "The line's bandwidth, shared by all connections, e.g. 50mbit or 1.5MB/s.")
    var rate: String?

    @Option(help: "Time before the first byte of each answer, e.g. 20ms.")
    var delay = "0"

    @Option(help: ArgumentHelp("Where to log requests; - is standard output.", valueName: "file"))
    var log = "-"

    @Flag(name: .shortAndLong, help: "Print only the URL; requests are logged only to a file.")
    var quiet = false

    static func main() {
        do {
            let command = try parse()
            try command.run()
        } catch let failure as OriginFailure {
            failure.report()
        } catch {
            // Help goes to standard output and succeeds; everything else is the command line's fault.
            if exitCode(for: error) == .success { exit(withError: error) }
            FileDescriptorText.write("incfs-origin: \(message(for: error))\nTry “incfs-origin --help”.\n", to: STDERR_FILENO)
            Glibc.exit(2)
        }
    }

    func run() throws {
        guard let address = ListenAddress(listen) else { throw OriginFailure(2, "“\(listen)” is not HOST:PORT.") }
        var bytesPerSecond: Double?
        if let rate {
            bytesPerSecond = QuantityText.bytesPerSecond(rate)
            if bytesPerSecond == nil { throw OriginFailure(2, "“\(rate)” is not a rate. Write it like 50mbit or 1.5MB/s.") }
        }
        guard let seconds = QuantityText.seconds(delay), seconds <= 3600 else { throw OriginFailure(2, "“\(delay)” is not a delay of at most an hour. Write it like 20ms or 0.5s.") }
        let handle: DirectoryHandle, requests: RequestLog
        do { handle = DirectoryHandle(try SystemCalls.open(FilePath(directory), flags: O_RDONLY | O_DIRECTORY)) } catch {
            throw OriginFailure(1, "Cannot serve \(directory): \(error).")
        }
        do {
            requests = RequestLog(log == "-" && quiet ? try SystemCalls.open("/dev/null", flags: O_WRONLY) : log == "-" ? try SystemCalls.duplicate(STDOUT_FILENO)
                : try SystemCalls.open(FilePath(log), flags: O_WRONLY | O_CREAT | O_APPEND, mode: 0o644))
        } catch { throw OriginFailure(1, "Cannot log to \(log): \(error).") }
        try Origin(directory: handle, name: directory, address: address, link: SharedLink(bytesPerSecond: bytesPerSecond), delay: seconds, log: requests).run()
    }
}

/// Ends the program with a sentence.
struct OriginFailure: Error {
    let status: CInt
    let message: String
    init(_ status: CInt, _ message: String) { self.status = status; self.message = message }

    func report() -> Never {
        FileDescriptorText.write("incfs-origin: \(message)\n", to: STDERR_FILENO)
        Glibc.exit(status)
    }
}

/// Text on a descriptor, at once and unbuffered.
enum FileDescriptorText {
    static func write(_ text: String, to descriptor: CInt) {
        Array(text.utf8).withUnsafeBytes { try? SystemCalls.writeAll(descriptor, $0) }
    }
}
