import ArgumentParser
import ControlAPI
import Glibc

struct ListCommand: Talkative {
    static let configuration = CommandConfiguration(
        commandName: "ls",
        abstract: "List what is in a package, without mounting it.",
        discussion: "Like ls -l, without owners, which packages do not have. Nothing but the package's list of names is fetched.")

    @Argument(help: "An http or https URL or a path, with #sha256=DIGEST to pin its contents.")
    var address: String

    @Argument(help: "A file or directory inside the package.")
    var path: String = ""

    @Flag(name: [.customShort("R"), .long], help: "With everything below.")
    var recursive = false

    @OptionGroup var store: StoreOptions
    @OptionGroup var talk: TalkOptions
    @OptionGroup var trust: TrustOptions
    @OptionGroup var access: AccessOptions

    @Flag(help: "Print the list as JSON.")
    var json = false

    func run() throws {
        let session = try PackageSession(address: address, store: store, trust: trust, access: access)
        guard case .listed(let report) = try session.call(.list(ListRequest(package: session.package, path: WirePath(path), recursive: recursive))) else {
            throw PackageSession.unexpected
        }
        if json { return try Terminal.json(report) }
        let widths = (report.entries.map { "\($0.linkCount)".count }.max() ?? 0, report.entries.map { "\($0.size)".count }.max() ?? 0)
        let base = Array(path.utf8).split(separator: UInt8(ascii: "/")).count
        for entry in report.entries { Terminal.output(Self.line(entry, widths, from: base)) }
    }

    /// - Parameter base: components of the path that was asked for, which are not repeated.
    static func line(_ entry: ListEntry, _ widths: (links: Int, size: Int), from base: Int) -> String {
        let parts = entry.path.split(separator: "/")
        let name = parts.dropFirst(min(base, parts.count - 1)).joined(separator: "/")
        let target = entry.target.map { " -> \($0)" } ?? ""
        return [
            mode(entry), pad("\(entry.linkCount)", widths.links), pad("\(entry.size)", widths.size), time(entry.modifiedSeconds),
            Terminal.printable(name + target).map { $0 == "\n" ? "?" : String($0) }.joined(),
        ].joined(separator: " ")
    }

    private static func pad(_ text: String, _ width: Int) -> String { String(repeating: " ", count: max(0, width - text.count)) + text }

    /// `drwxr-sr-t`.
    static func mode(_ entry: ListEntry) -> String {
        let bits = UInt16(entry.mode, radix: 8) ?? 0
        var text: [Character] = [entry.kind == .directory ? "d" : entry.kind == .symlink ? "l" : "-"]
        for (shift, special, on, off) in [(6, 0o4000, "s", "S"), (3, 0o2000, "s", "S"), (0, 0o1000, "t", "T")] as [(UInt16, UInt16, Character, Character)] {
            let three = bits >> shift
            let executable = three & 1 != 0
            text += [three & 4 != 0 ? "r" : "-", three & 2 != 0 ? "w" : "-"]
            text.append(bits & special != 0 ? (executable ? on : off) : (executable ? "x" : "-"))
        }
        return String(text)
    }

    /// `2026-11-25 17:40`, local time.
    static func time(_ seconds: Int64) -> String {
        var time = time_t(seconds)
        var parts = tm()
        guard localtime_r(&time, &parts) != nil else { return "?" }
        var text = [CChar](repeating: 0, count: 64)
        let count = strftime(&text, text.count, "%Y-%m-%d %H:%M", &parts)
        return String(decoding: text[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
