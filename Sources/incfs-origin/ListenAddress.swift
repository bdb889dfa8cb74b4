/// `HOST:PORT`, `[IPV6]:PORT`, `:PORT` or `PORT`. Port 0 takes any that is free.
struct ListenAddress: Equatable {
    var host: String
    var port: Int

    init?(_ text: String) {
        host = "127.0.0.1"
        var digits = Substring(text)
        if let colon = text.lastIndex(of: ":") {
            var name = text[..<colon]
            digits = text[text.index(after: colon)...]
            if name.hasPrefix("[") && name.hasSuffix("]") { name = name.dropFirst().dropLast() } else if name.contains(":") { return nil }
            if !name.isEmpty { host = String(name) }
        }
        guard let number = UInt16(digits) else { return nil }
        port = Int(number)
    }

    /// The URL of the served directory.
    func url(port: Int) -> String { "http://\(host.contains(":") ? "[\(host)]" : host):\(port)/" }
}
