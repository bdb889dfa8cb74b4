import ControlAPI

/// The options of `-o` and of /etc/fstab.
struct MountProgramOptions: Equatable {
    /// Options of `incfs mount` by the name that they have here; whether they take a value. The word is the name with dashes.
    static let own: [String: Bool] = [
        "store": true, "read_timeout": true, "no_fill": false, "keep_filling": false, "allow_other": false, "insecure": false, "require_pin": false, "writable": false, "noexec": false,
        "header_file": true, "header_command": true, "client_cert": true, "client_key": true,
    ]

    /// What mount(8) passes on, or people write, that needs nothing done: it is for mount(8) or systemd, or always so here.
    /// A mount is read-only, `nosuid` and `nodev` in any case; access times are never written.
    private static let settled: Set<String> = [
        "defaults", "rw", "ro", "nosuid", "nodev", "exec", "auto", "noauto", "user", "users", "nouser", "owner", "group", "nofail", "_netdev",
        "async", "sync", "dirsync", "atime", "noatime", "diratime", "nodiratime", "relatime", "norelatime", "strictatime", "nostrictatime",
        "iversion", "noiversion", "lazytime", "nolazytime", "mand", "nomand", "silent", "loud", "comment", "uhelper", "helper",
    ]

    /// 64 hexadecimal digits of `pin=sha256:…`.
    private(set) var pin: String?
    /// For `incfs mount`.
    private(set) var words: [String] = []

    /// Later options win over earlier ones. Unknown ones are an error, or are left out where mount(8) was told to be sloppy (`-s`).
    ///
    /// - Throws: code `usage`.
    init(_ lists: [String], sloppy: Bool = false) throws(ControlError) {
        var chosen: [(name: String, value: String?)] = []
        for option in lists.flatMap(Self.split) {
            let parts = option.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let name = String(parts[0]), value = parts.count == 2 ? String(parts[1]) : nil
            if name.isEmpty || name.hasPrefix("x-") || name.hasPrefix("X-") { continue }
            if name == "exec" || name == "noexec" { chosen.removeAll { $0.name == "noexec" } }
            if Self.settled.contains(name) { continue }
            if name == "pin" {
                pin = try Self.digest(value)
                continue
            }
            guard let takesValue = Self.own[name] else {
                if sloppy { continue }
                if name == "remount" {
                    throw ControlError(.usage, "A mounted package takes no new options.", hint: "Unmount it, and mount it with them.")
                }
                throw ControlError(.usage, "The mount option “\(name)” is unknown to incfs.", hint: "Leave it out, or have unknown options ignored with mount -s. See mount.incfs(8).")
            }
            guard takesValue == (value?.isEmpty == false) else {
                throw ControlError(.usage, takesValue ? "The mount option \(name)= needs a value." : "The mount option \(name) takes no value.")
            }
            chosen.removeAll { $0.name == name }
            chosen.append((name, value))
        }
        words = chosen.flatMap { ["--" + Self.word($0.name)] + ($0.value.map { [$0] } ?? []) }
    }

    /// `incfs mount … -o LIST` with the options that the lists stand for; any other command line as it is.
    ///
    /// - Throws: code `usage`.
    static func spelledOut(_ arguments: [String]) throws(ControlError) -> [String] {
        guard arguments.first == "mount" else { return arguments }
        var lists: [String] = [], rest: [String] = [], own = arguments.prefix { $0 != "--" }
        while let word = own.popFirst() {
            if word == "-o", let list = own.popFirst() { lists.append(list) } else { rest.append(word) }
        }
        if lists.isEmpty { return arguments }
        let options = try MountProgramOptions(lists)
        if options.pin != nil { throw ControlError(.usage, "pin= is for mount(8) and fstab.", hint: "Here the address has it: ADDRESS#sha256=…") }
        return rest + options.words + arguments.drop { $0 != "--" }
    }

    /// The option of `incfs mount` for a name of `own`.
    static func word(_ name: String) -> String { name == "noexec" ? "no-exec" : String(name.map { $0 == "_" ? "-" : $0 }) }

    private static func digest(_ value: String?) throws(ControlError) -> String {
        guard let value, ["sha256:", "sha256="].contains(where: { value.hasPrefix($0) }), value.utf8.count == 71, Hexadecimal.bytes(String(value.dropFirst(7))) != nil else {
            throw ControlError(.usage, "The mount option pin= must be sha256: and 64 hexadecimal digits.", hint: "They are the root digest that `incfs publish` printed.")
        }
        return value.dropFirst(7).lowercased()
    }

    /// At commas outside of double quotes, which go (mount(8)).
    static func split(_ list: String) -> [String] {
        var result: [String] = [""]
        var quoted = false
        for character in list {
            if character == "\"" { quoted.toggle() } else if character == "," && !quoted { result.append("") } else { result[result.count - 1].append(character) }
        }
        return result
    }
}
