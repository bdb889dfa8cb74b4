import LinuxSystem

/// Where a package is: an http(s) URL or a path, with the root digest it must have, `#sha256=…`, if one is pinned.
public struct PackageAddress: Hashable, Sendable {
    public enum Place: Hashable, Sendable {
        /// Everything before the fragment, and the host in lower case, brackets removed.
        case url(String, host: String)
        /// An absolute path.
        case path(String)
    }

    public let place: Place
    /// 64 lower-case hexadecimal digits.
    public let root: String?

    /// Parses what a person wrote. Relative paths are taken from `directory`.
    ///
    /// - Throws: code `usage`.
    public init(_ text: String, relativeTo directory: FilePath) throws(ControlError) {
        var rest = Substring(text)
        var root: String?
        if let range = text.lastRange(of: "#sha256=") {
            let digits = text[range.upperBound...].lowercased()
            guard digits.utf8.count == 64, Hexadecimal.bytes(digits) != nil else {
                throw ControlError(.usage, "The digest in “\(text)” is not 64 hexadecimal digits.",
                                   hint: "Copy the whole address that `incfs publish` printed, and quote it.")
            }
            root = digits
            rest = text[..<range.lowerBound]
        }
        self.root = root
        guard !rest.isEmpty else { throw ControlError(.usage, "The address is empty.") }
        let lower = rest.lowercased()
        if lower.hasPrefix("http://") || lower.hasPrefix("https://") {
            place = try Self.parse(url: rest)
        } else if let colon = rest.firstRange(of: "://"), rest[..<colon.lowerBound].allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || "+-.".contains($0)) }) {
            throw ControlError(.usage, "“\(rest)” is of a kind that incfs does not know.", hint: "Use an http or https URL, or a path.")
        } else {
            guard !rest.utf8.contains(0) else { throw ControlError(.usage, "The path has a NUL byte in it.") }
            var path = rest.hasPrefix("/") ? FilePath(String(rest)) : directory.pushing(FilePath(String(rest)))
            // “..” stays: behind a symbolic link it is not what it looks like.
            path.components.removeAll { $0.kind == .currentDirectory }
            place = .path(path.string)
        }
    }

    private static func parse(url: Substring) throws(ControlError) -> Place {
        func refuse(_ reason: String) -> ControlError { ControlError(.usage, "“\(url)” is not a usable URL: \(reason).") }
        // A backslash, blank or control byte is read in different ways by different parsers; a host is never decided by one of them.
        if url.utf8.contains(where: { $0 <= 0x20 || $0 == 0x7f || $0 == 0x5c }) { throw refuse("it has a blank, a backslash or a control character in it") }
        if url.contains("#") { throw refuse("its fragment is not #sha256=DIGEST") }
        guard let scheme = url.firstRange(of: "://") else { throw refuse("it has no scheme") }
        var authority = url[scheme.upperBound...].prefix { !"/?".contains($0) }
        if let at = authority.lastIndex(of: "@") { authority = authority[authority.index(after: at)...] }
        var host: Substring
        if authority.hasPrefix("[") {
            guard let end = authority.firstIndex(of: "]") else { throw refuse("the bracket of its host is not closed") }
            host = authority[authority.index(after: authority.startIndex)..<end]
            authority = authority[authority.index(after: end)...]
        } else {
            host = authority.prefix { $0 != ":" }
            authority = authority[host.endIndex...]
        }
        if !authority.isEmpty {
            guard authority.hasPrefix(":"), let port = UInt16(authority.dropFirst()), port > 0 else { throw refuse("its port is not a number between 1 and 65535") }
        }
        guard !host.isEmpty else { throw refuse("it names no host") }
        return .url(String(url), host: host.lowercased())
    }

    /// What goes to the daemon: without the digest.
    public var location: String {
        switch place { case .url(let text, _): text; case .path(let path): path }
    }

    /// The package never leaves this machine on its way: a path, or a host that is this machine by its very name.
    public var isLocal: Bool {
        guard case .url(_, let host) = place else { return true }
        if host == "localhost" || host.hasSuffix(".localhost") || host == "::1" { return true }
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { part in
            part.utf8.allSatisfy { (0x30...0x39).contains($0) } && UInt8(part) != nil
        }
    }

    /// The rule of trust before anything is asked: pinned, local, served with a certificate (what is there is then compared with what was accepted
    /// before), or taken at the caller's risk. With `requirePin` only what is pinned, and paths.
    ///
    /// - Throws: code `untrusted`.
    public func requireTrust(insecure: Bool, requirePin: Bool = false) throws(ControlError) {
        if root != nil || insecure { return }
        if requirePin {
            if case .path = place { return }
            throw ControlError(.untrusted, "Nothing says what \(location) should contain: the address has no digest, and --require-pin wants one.",
                               hint: "Add the publisher's “#sha256=…” to the address, in quotes.")
        }
        if isLocal || location.lowercased().hasPrefix("https://") { return }
        throw ControlError(.untrusted, "Nothing says what \(location) should contain: http is not protected on its way, and the address has no digest.",
                           hint: "Add the publisher's “#sha256=…” to the address, in quotes, use https, or accept whatever is served there with --insecure.")
    }
}

extension StringProtocol {
    fileprivate func firstRange(of needle: String) -> Range<Index>? { ranges(of: needle).first }
    fileprivate func lastRange(of needle: String) -> Range<Index>? { ranges(of: needle).last }
    private func ranges(of needle: String) -> [Range<Index>] {
        var found: [Range<Index>] = []
        var start = startIndex
        while start < endIndex {
            if self[start...].hasPrefix(needle) { found.append(start..<index(start, offsetBy: needle.count)) }
            start = index(after: start)
        }
        return found
    }
}
