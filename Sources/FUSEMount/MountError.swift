import LinuxSystem

/// Why something could not be mounted or unmounted, in words for people, with the errno behind it.
public struct MountError: Error, Equatable, Sendable, CustomStringConvertible {
    public struct Code: Equatable, Sendable {
        private enum Value: Equatable, Sendable {
            case noDevice, devicePermission, noFusermount, fusermountFailed, mountpointMissing, notADirectory, busy, notPermitted
            case alreadyMounted, requestTimeout, notMounted, notAbsolute, timedOut, tooManyMounts, other
        }
        private let value: Value
        private init(_ value: Value) { self.value = value }

        public static let noDevice = Code(.noDevice)
        public static let devicePermission = Code(.devicePermission)
        public static let noFusermount = Code(.noFusermount)
        public static let fusermountFailed = Code(.fusermountFailed)
        public static let mountpointMissing = Code(.mountpointMissing)
        public static let notADirectory = Code(.notADirectory)
        public static let notAbsolute = Code(.notAbsolute)
        public static let busy = Code(.busy)
        public static let notPermitted = Code(.notPermitted)
        public static let alreadyMounted = Code(.alreadyMounted)
        public static let notMounted = Code(.notMounted)
        public static let requestTimeout = Code(.requestTimeout)
        public static let timedOut = Code(.timedOut)
        public static let tooManyMounts = Code(.tooManyMounts)
        public static let other = Code(.other)
    }

    public var code: Code
    public var errno: Errno
    /// What happened to what.
    public var what: String
    public var why: String
    /// What to do now.
    public var advice: String

    public var description: String { "\(what): \(why); \(advice)" }

    init(_ code: Code, _ errno: Errno, what: String, why: String, advice: String) {
        self.code = code
        self.errno = errno
        self.what = what
        self.why = why
        self.advice = advice
    }
}
