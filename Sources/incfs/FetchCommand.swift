import ArgumentParser
import ControlAPI
import LinuxSystem

struct FetchCommand: Talkative {
    static let configuration = CommandConfiguration(
        commandName: "fetch",
        abstract: "Make an ordinary directory of a package, without FUSE.",
        discussion: """
            Fetches everything, checks it, and puts the directory in place when it is whole. Interrupted or killed, it goes on where it \
            was when it is run again: what came is in the store. Modes (without set-user-id and set-group-id), times, links and \
            holes are as published. The files share their blocks with the store where the file system can do that.

              incfs fetch 'https://example.org/app.incfs#sha256=…' app/
            """)

    @Argument(help: "An http or https URL or a path, with #sha256=DIGEST to pin its contents.")
    var address: String

    @Argument(help: "A directory that does not exist yet, or is empty.")
    var directory: String

    @OptionGroup var store: StoreOptions
    @OptionGroup var talk: TalkOptions
    @OptionGroup var trust: TrustOptions
    @OptionGroup var access: AccessOptions

    @Flag(help: "Print what was made as JSON.")
    var json = false

    func run() throws {
        let place = try Self.absolute(directory)
        let session = try PackageSession(address: address, store: store, trust: trust, access: access)
        var progress = ProgressLine("fetched", from: address)
        let reply: ControlReply
        do {
            defer { progress.finish() }
            reply = try session.call(.fetch(FetchRequest(package: session.package, directory: place))) { progress.show($0) }
        }
        guard case .fetched(let report) = reply else { throw PackageSession.unexpected }
        if json { try Terminal.json(report) } else {
            let title = [report.name, report.release].filter { !$0.isEmpty }.joined(separator: " ")
            Terminal.confirm("\(Terminal.printable(title)) is in \(directory): \(HumanText.count(report.files, "file")), \(HumanText.bytes(report.bytes)).")
        }
    }

    /// The directory's parent is real, its own name need not exist.
    private static func absolute(_ text: String) throws(ControlError) -> String {
        do {
            if let real = try? SystemCalls.realPath(FilePath(text)) { return real.string }
            var path = FilePath(text)
            path.lexicallyNormalize()
            guard let last = path.lastComponent, last.kind == .regular else { throw Errno.noSuchFileOrDirectory }
            let parent = path.removingLastComponent()
            return try SystemCalls.realPath(parent.isEmpty ? "." : parent).appending(last).string
        } catch {
            throw ControlError(.usage, "Cannot make \(text): \(error).", hint: "Make the directory above it first.")
        }
    }
}
