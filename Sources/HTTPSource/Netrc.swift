/// Logins by host, as ftp(1) and curl(1) read them: `machine HOST login NAME password SECRET`, in any number of lines.
/// `default` is not used: a login goes to the host that it was written for and to no other. `macdef` is passed over.
enum Netrc {
    /// Bytes read at most.
    static let limit = 1 << 20

    /// The login for exactly `host`: the first `machine` of that name that has a password.
    static func login(for host: String, in bytes: [UInt8]) -> (name: String, password: String)? {
        var words = words(bytes)[...]
        var machine: String?
        var name = ""
        var password: String?
        func found() -> (String, String)? { machine?.lowercased() == host.lowercased() ? password.map { (name, $0) } : nil }
        while let word = words.popFirst() {
            switch word {
            case "machine", "default":
                if let login = found() { return login }
                (machine, name, password) = (word == "machine" ? words.popFirst() : nil, "", nil)
            case "login": name = words.popFirst() ?? ""
            case "password": password = words.popFirst()
            case "account": _ = words.popFirst()
            default: break
            }
        }
        return found()
    }

    /// Words apart by white space, quoted ones (`"a \" b"`) whole; comments and macros are left out.
    private static func words(_ bytes: [UInt8]) -> [String] {
        var result: [String] = []
        var inMacro = false
        for line in bytes.split(separator: 10, omittingEmptySubsequences: false) {
            if inMacro {
                // A macro ends at an empty line.
                if line.allSatisfy({ $0 == 32 || $0 == 9 || $0 == 13 }) { inMacro = false }
                continue
            }
            var i = line.startIndex
            while i < line.endIndex {
                let byte = line[i]
                if byte == 32 || byte == 9 || byte == 13 { i += 1; continue }
                if byte == UInt8(ascii: "#"), result.last != "password", result.last != "login" { break }
                var word: [UInt8] = []
                if byte == UInt8(ascii: "\"") {
                    i += 1
                    while i < line.endIndex, line[i] != UInt8(ascii: "\"") {
                        if line[i] == UInt8(ascii: "\\"), i + 1 < line.endIndex { i += 1 }
                        word.append(line[i])
                        i += 1
                    }
                    i = min(i + 1, line.endIndex)
                } else {
                    while i < line.endIndex, line[i] != 32, line[i] != 9, line[i] != 13 { word.append(line[i]); i += 1 }
                }
                let text = String(decoding: word, as: UTF8.self)
                if text == "macdef" { inMacro = true; break }
                result.append(text)
            }
        }
        return result
    }
}
