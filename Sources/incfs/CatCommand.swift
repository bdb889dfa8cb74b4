import ArgumentParser
import ControlAPI
import Glibc
import LinuxSystem

struct CatCommand: Talkative {
    static let configuration = CommandConfiguration(
        commandName: "cat",
        abstract: "Write a file of a package to standard output, without mounting it.",
        discussion: "Streams while it fetches, and fetches only what is needed of that file. Every byte is checked before it is written.")

    @Argument(help: "An http or https URL or a path, with #sha256=DIGEST to pin its contents.")
    var address: String

    @Argument(help: "A file inside the package.")
    var path: String

    @OptionGroup var store: StoreOptions
    @OptionGroup var talk: TalkOptions
    @OptionGroup var trust: TrustOptions
    @OptionGroup var access: AccessOptions

    func run() throws {
        let session = try PackageSession(address: address, store: store, trust: trust, access: access)
        // A closed pipe ends the command as it ends cat(1), by SIGPIPE; where that is ignored, quietly.
        var closed = false
        do {
            _ = try session.call(.cat(CatRequest(package: session.package, path: WirePath(path))), content: { (bytes) throws(ControlError) in
                var failure: Errno?
                bytes.withUnsafeBytes { bytes in
                    do throws(Errno) { try SystemCalls.writeAll(STDOUT_FILENO, bytes) } catch { failure = error }
                }
                guard let failure else { return }
                closed = failure == .brokenPipe
                throw ControlError(.disk, "Cannot write to standard output: \(failure).", errno: failure.rawValue)
            })
        } catch { if !closed { throw error } }
        if closed { throw ExitStatus(rawValue: 128 + SIGPIPE) }
    }
}
