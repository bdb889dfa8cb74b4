import ControlAPI
import Glibc
import LinuxSystem
import Synchronization

/// What a person sees. Output goes to descriptor 1, everything about the work to descriptor 2.
enum Terminal {
    /// `--quiet`: set before any thread is started, read by all.
    private static let silenced = Atomic(false)
    static var isQuiet: Bool { silenced.load(ordering: .relaxed) }
    static func beQuiet() { silenced.store(true, ordering: .relaxed) }

    /// What was asked for: it is printed however quiet the command is to be.
    static func output(_ text: String) { write(text + "\n", to: STDOUT_FILENO) }
    /// What a command that was asked to do something says when it is done.
    static func confirm(_ text: String) { if !isQuiet { output(text) } }
    /// Something worth knowing that is no error.
    static func note(_ text: String) { if !isQuiet { error("incfs: note: " + text) } }
    static func error(_ text: String) { write(text + "\n", to: STDERR_FILENO) }

    static func write(_ text: String, to descriptor: CInt) {
        Array(text.utf8).withUnsafeBytes { try? SystemCalls.writeAll(descriptor, $0) }
    }

    /// Prints a value as JSON on standard output, with the version of its fields in `schema`.
    static func json(_ value: some Encodable, pretty: Bool = true) throws {
        output(String(decoding: try ControlProtocol.json(JSONAnswer(body: value), pretty: pretty), as: UTF8.self))
    }

    /// `incfs: what happened and why`, and what to do on the next line.
    static func report(_ failure: ControlError) {
        error("incfs: \(printable(failure.message))" + (failure.hint.map { "\n  \(printable($0))" } ?? ""))
    }

    static func isInteractive(_ descriptor: CInt) -> Bool {
        isatty(descriptor) == 1 && getenv("TERM").map { String(cString: $0) } != "dumb"
    }

    /// https://no-color.org: any value but the empty one.
    static func hasColor(_ descriptor: CInt) -> Bool {
        isInteractive(descriptor) && (getenv("NO_COLOR").map { $0.pointee == 0 } ?? true)
    }

    static func width(_ descriptor: CInt) -> Int {
        var size = winsize()
        return ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0 ? Int(size.ws_col) : 80
    }

    /// Text that came from elsewhere (names, messages of an origin) without characters that steer a terminal.
    static func printable(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: { isControl($0) }) else { return text }
        return String(String.UnicodeScalarView(text.unicodeScalars.map { isControl($0) ? "?" : $0 }))
    }

    private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        (scalar.value < 0x20 && scalar != "\n") || (0x7f...0x9f).contains(scalar.value)
    }
}
