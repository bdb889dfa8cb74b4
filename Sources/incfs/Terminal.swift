import ControlAPI
import Glibc
import LinuxSystem

/// What a person sees. Output goes to descriptor 1, everything about the work to descriptor 2.
enum Terminal {
    static func output(_ text: String) { write(text + "\n", to: STDOUT_FILENO) }
    static func error(_ text: String) { write(text + "\n", to: STDERR_FILENO) }

    static func write(_ text: String, to descriptor: CInt) {
        Array(text.utf8).withUnsafeBytes { try? SystemCalls.writeAll(descriptor, $0) }
    }

    /// Prints a value as JSON on standard output.
    static func json(_ value: some Encodable, pretty: Bool = true) throws {
        output(String(decoding: try ControlProtocol.json(value, pretty: pretty), as: UTF8.self))
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
