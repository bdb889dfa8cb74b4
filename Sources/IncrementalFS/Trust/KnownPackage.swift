import Integrity

/// What was found at an https address when it was last accepted.
public struct KnownPackage: Hashable, Sendable {
    /// Without query, user and password.
    public var address: String
    public var name: String
    public var release: String
    public var sequence: UInt64
    public var root: Digest

    public init(address: String, name: String, release: String, sequence: UInt64, root: Digest) {
        self.address = address
        self.name = name
        self.release = release
        self.sequence = sequence
        self.root = root
    }

    /// The fields with tabs between them, none of which can hold one.
    var line: String { "\(address)\t\(name)\t\(release)\t\(sequence)\tsha256:\(root)" }

    /// Nil for anything that `line` does not write. Fields that follow are those of later versions.
    init?(line: Substring) {
        let fields = line.split(separator: "\t", omittingEmptySubsequences: false)
        guard fields.count >= 5, !fields[0].isEmpty, let sequence = UInt64(fields[3]), fields[4].hasPrefix("sha256:"), let root = Digest(hex: String(fields[4].dropFirst(7))) else { return nil }
        self.init(address: String(fields[0]), name: String(fields[1]), release: String(fields[2]), sequence: sequence, root: root)
    }

    /// The part of an address that says who publishes there: what changes from one request to the next, like a presigned query, does not count,
    /// and secrets are not kept.
    public static func identity(ofAddress address: String) -> String {
        var text = String(address.prefix { $0 != "?" && $0 != "#" && !$0.isNewline && $0 != "\t" })
        if let scheme = text.ranges(of: "://").first {
            let rest = text[scheme.upperBound...], authority = rest.prefix { $0 != "/" }
            if let at = authority.lastIndex(of: "@") { text.removeSubrange(scheme.upperBound...at) }
        }
        return text
    }
}
