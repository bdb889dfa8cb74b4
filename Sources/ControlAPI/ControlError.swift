/// An error that a person reads: what happened, to what, why, and what to do.
public struct ControlError: Error, Hashable, Sendable {
    /// A stable name for programs, e.g. `not_mounted`. New codes can appear; treat an unknown one by its `exitCode`.
    public struct Code: RawRepresentable, Hashable, Sendable {
        public let rawValue: String
        public init(rawValue: String) { self.rawValue = rawValue }

        public static let usage = Code(rawValue: "usage")
        public static let badRequest = Code(rawValue: "bad_request")
        public static let unknownRequest = Code(rawValue: "unknown_request")
        public static let protocolVersion = Code(rawValue: "protocol_version")
        public static let lineTooLong = Code(rawValue: "line_too_long")
        public static let busy = Code(rawValue: "busy")
        public static let cancelled = Code(rawValue: "cancelled")
        public static let daemonUnavailable = Code(rawValue: "daemon_unavailable")
        public static let notMounted = Code(rawValue: "not_mounted")
        public static let mountpointUnusable = Code(rawValue: "mountpoint_unusable")
        public static let mountpointBusy = Code(rawValue: "mountpoint_busy")
        public static let originUnreachable = Code(rawValue: "origin_unreachable")
        public static let notAPackage = Code(rawValue: "not_a_package")
        public static let wrongDigest = Code(rawValue: "wrong_digest")
        public static let untrusted = Code(rawValue: "untrusted")
        public static let noFUSE = Code(rawValue: "no_fuse")
        public static let permission = Code(rawValue: "permission")
        public static let disk = Code(rawValue: "disk")
        public static let timedOut = Code(rawValue: "timed_out")
        public static let internalFailure = Code(rawValue: "internal")

        /// The exit status that a command ends with when nothing more exact is known.
        public var exitStatus: ExitStatus {
            switch self {
            case .usage: .usage
            case .originUnreachable: .unreachable
            case .notAPackage, .wrongDigest, .untrusted: .untrusted
            case .noFUSE, .permission: .permission
            case .disk: .disk
            case .timedOut: .timedOut
            default: .failure
            }
        }
    }

    public var code: Code
    /// What happened, to what and why: whole sentences.
    public var message: String
    /// What to do now; nil if there is nothing to advise.
    public var hint: String?
    public var exitCode: Int32
    /// The errno behind it, where there is one.
    public var errno: Int32?

    public init(_ code: Code, _ message: String, hint: String? = nil, exit: ExitStatus? = nil, errno: Int32? = nil) {
        self.code = code
        self.message = message
        self.hint = hint
        self.exitCode = (exit ?? code.exitStatus).rawValue
        self.errno = errno
    }
}

extension ControlError: Codable {
    private enum Key: String, CodingKey { case code, message, hint, exitCode, errno }

    public init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: Key.self)
        code = Code(rawValue: try fields.decode(String.self, forKey: .code))
        message = try fields.decode(String.self, forKey: .message)
        hint = try fields.decodeIfPresent(String.self, forKey: .hint)
        exitCode = try fields.decodeIfPresent(Int32.self, forKey: .exitCode) ?? code.exitStatus.rawValue
        errno = try fields.decodeIfPresent(Int32.self, forKey: .errno)
    }

    public func encode(to encoder: any Encoder) throws {
        var fields = encoder.container(keyedBy: Key.self)
        try fields.encode(code.rawValue, forKey: .code)
        try fields.encode(message, forKey: .message)
        try fields.encodeIfPresent(hint, forKey: .hint)
        try fields.encode(exitCode, forKey: .exitCode)
        try fields.encodeIfPresent(errno, forKey: .errno)
    }
}
