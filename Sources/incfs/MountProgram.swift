import ControlAPI
import LinuxSystem

/// `mount.incfs`, which mount(8) runs for `mount -t incfs` and for the lines of /etc/fstab. It is this executable under
/// another name: it turns what mount(8) says into the words of `incfs mount`.
///
///     mount.incfs ADDRESS DIRECTORY [-sfnv] [-N NAMESPACE] [-o OPTIONS] [-t TYPE]
struct MountProgram: Equatable {
    static let name = "mount.incfs"

    let address: String
    let directory: String
    /// `-v`: say what was mounted.
    var verbose = false
    /// `-f`: do everything but mount.
    var fake = false
    var options: MountProgramOptions

    static func isCalled(by name: String?) -> Bool { name.flatMap { FilePath($0).lastComponent?.string } == Self.name }

    /// Parses and mounts. Returns the exit status as mount(8) defines it for itself and its helpers.
    static func execute(_ arguments: [String]) -> Int32 {
        let status: Int32
        do {
            let program = try MountProgram(arguments)
            if program.fake { try program.check() }
            status = program.fake ? ExitStatus.success.rawValue : Incfs.execute(try program.command)
            if program.fake && program.verbose { Terminal.output("\(program.address) would be mounted at \(program.directory).") }
        } catch {
            Terminal.error("\(name): \(Terminal.printable(error.message))" + (error.hint.map { "\n  \(Terminal.printable($0))" } ?? ""))
            status = error.exitCode
        }
        return mountStatus(status)
    }

    /// Of mount(8): 1 wrong invocation or no permission, 8 interrupted, 32 the mount failed.
    static func mountStatus(_ status: Int32) -> Int32 {
        switch status {
        case ExitStatus.success.rawValue: 0
        case ExitStatus.usage.rawValue, ExitStatus.permission.rawValue: 1
        case 129...: 8
        default: 32
        }
    }

    /// - Throws: code `usage`.
    init(_ arguments: [String]) throws(ControlError) {
        var places: [String] = []
        var lists: [String] = []
        var sloppy = false
        var rest = arguments[...]
        while let word = rest.popFirst() {
            guard word.hasPrefix("-"), word != "-" else { places.append(word); continue }
            // getopt(3): letters can stand together, and a value can follow its letter at once.
            var letters = word.dropFirst()
            while let letter = letters.popFirst() {
                switch letter {
                case "s": sloppy = true
                case "f": fake = true
                case "v": verbose = true
                case "n": break // There has been no table to keep for long.
                case "o", "t", "N":
                    guard let value = letters.isEmpty ? rest.popFirst() : String(letters) else { throw Self.usage("-\(letter) needs a value") }
                    letters = ""
                    if letter == "o" { lists.append(value) }
                    if letter == "N" {
                        throw ControlError(.usage, "A mount in another mount namespace is not supported: the daemon would have to live there.",
                                           hint: "Enter it first: nsenter --mount=\(value) mount -t incfs …")
                    }
                default: throw Self.usage("-\(letter) is not an option")
                }
            }
        }
        guard places.count == 2 else { throw Self.usage("an address and a directory are needed, not \(places.count) of them") }
        (address, directory) = (places[0], places[1])
        options = try MountProgramOptions(lists, sloppy: sloppy)
    }

    private static func usage(_ reason: String) -> ControlError {
        ControlError(.usage, "Wrong usage: \(reason).", hint: "usage: \(name) ADDRESS DIRECTORY [-sfnv] [-o OPTIONS]; see mount.incfs(8)")
    }

    /// The address with the pin of the options.
    ///
    /// - Throws: code `usage` when the address has another one.
    func pinnedAddress() throws(ControlError) -> String {
        guard let pin = options.pin else { return address }
        guard let at = address.range(ofLast: "#sha256=") else { return "\(address)#sha256=\(pin)" }
        guard address[at.upperBound...].lowercased() == pin.lowercased() else {
            throw ControlError(.usage, "The address and the option pin= name different digests.", hint: "Leave one of them out.")
        }
        return address
    }

    /// The words of `incfs`. mount(8) says nothing when all is well; neither does this, without `-v`.
    var command: [String] {
        get throws(ControlError) { ["mount"] + options.words + (verbose ? [] : ["--quiet"]) + ["--", try pinnedAddress(), directory] }
    }

    /// What can be checked without mounting.
    private func check() throws(ControlError) {
        let address = try PackageAddress(argument: try pinnedAddress())
        try address.requireTrust(insecure: options.words.contains("--insecure"), requirePin: options.words.contains("--require-pin"))
        _ = try MountpointPath.new(directory)
    }
}

extension String {
    /// The last place where `needle` stands.
    fileprivate func range(ofLast needle: String) -> Range<Index>? {
        var start = endIndex
        while start > startIndex {
            start = index(before: start)
            if self[start...].hasPrefix(needle) { return start..<index(start, offsetBy: needle.count) }
        }
        return nil
    }
}
