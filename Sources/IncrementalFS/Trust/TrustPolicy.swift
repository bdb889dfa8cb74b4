import LinuxSystem

/// What the administrator demands of every address, on top of what users ask for: `/etc/incfs/policy`, one rule a line.
///
///     # a comment
///     require-pin                       every address but a path needs #sha256=…
///     refuse-insecure                   nobody may use --insecure
///     origin https://builds.example/    only addresses that begin so (several lines: one of them)
public struct TrustPolicy: Equatable, Sendable {
    public static let file: FilePath = "/etc/incfs/policy"
    static let limit = 64 << 10

    public var requirePin = false
    public var refuseInsecure = false
    public var origins: [String] = []

    public init() {}

    /// A policy that cannot be understood or trusted: nothing is opened until it is mended.
    public struct Invalid: Error, Equatable, CustomStringConvertible { public var description: String }

    /// Reads the policy; one without rules where there is no file.
    public static func load(_ file: FilePath = file) throws(Invalid) -> TrustPolicy {
        do {
            let status = try SystemCalls.status(of: file)
            guard status.uid == 0, status.mode & 0o022 == 0 else { throw Invalid(description: "\(file) must belong to root and be writable by nobody else") }
            return try TrustPolicy(parsing: String(decoding: try SystemCalls.contents(of: file, limit: limit), as: UTF8.self))
        } catch let error as Invalid { throw error } catch {
            if let errno = error as? Errno, errno == .noSuchFileOrDirectory || errno == .notDirectory { return TrustPolicy() }
            throw Invalid(description: "\(file) cannot be read: \(error)")
        }
    }

    init(parsing text: String) throws(Invalid) {
        for (number, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let words = line.prefix { $0 != "#" }.split(whereSeparator: \.isWhitespace)
            switch (words.first, words.count) {
            case (nil, _): continue
            case ("require-pin", 1): requirePin = true
            case ("refuse-insecure", 1): refuseInsecure = true
            case ("origin", 2): origins.append(String(words[1]))
            default: throw Invalid(description: "line \(number + 1) of the policy is not a rule: “\(line)”")
            }
        }
    }

    /// Why an address is not allowed; nil where it is.
    ///
    /// - Parameters:
    ///   - isPath: it lies on this machine.
    public func objection(to address: String, isPath: Bool, pinned: Bool, insecure: Bool) -> String? {
        if insecure && refuseInsecure { return "this machine's policy does not allow --insecure" }
        if requirePin && !pinned && !isPath { return "this machine's policy wants a digest in every address" }
        if !origins.isEmpty && !isPath && !origins.contains(where: { address.hasPrefix($0) }) { return "this machine's policy allows only addresses below \(origins.joined(separator: ", "))" }
        return nil
    }
}
