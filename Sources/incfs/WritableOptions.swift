import ArgumentParser
import ControlAPI
import LinuxSystem

/// For programs that write beside themselves.
struct WritableOptions: ParsableArguments {
    @Flag(help: "Let programs write in the package's directory. What they write is kept for this package, under the store; with --writable=DIR in DIR.")
    var writable = false

    @Option(help: .hidden)
    var writableDirectory: String?

    private static let flag = "--writable", option = "--writable-directory"

    /// `--writable=DIR` as the two options that it stands for: the parser has no options with a value that may be left out.
    static func spelledOut(_ arguments: [String]) -> [String] {
        let own = arguments.prefix { $0 != "--" }
        return own.flatMap { $0.hasPrefix(flag + "=") ? [option, String($0.dropFirst(flag.count + 1))] : [$0] } + arguments.dropFirst(own.count)
    }

    /// Where what is written goes; nil where nothing may be written. `name` as of `SharedMountpoint`: the same for every release of a package.
    ///
    /// - Throws: code `usage` for an empty directory name, `disk` when it cannot be made.
    func directory(named name: String, store: FilePath) throws(ControlError) -> FilePath? {
        guard writable || writableDirectory != nil else { return nil }
        if writableDirectory?.isEmpty == true { throw ControlError(.usage, "--writable= names no directory.", exit: .runFailed) }
        let place = writableDirectory.map { FilePath($0) } ?? LayerDirectory.parent(inStore: store).appending(name)
        do {
            try SystemCalls.makeDirectories(place, mode: 0o700)
            return try SystemCalls.realPath(place)
        } catch {
            throw ControlError(.disk, "Cannot keep what is written in \(place): \(error).", hint: "Choose another directory with --writable=DIR.", errno: error.rawValue)
        }
    }
}
