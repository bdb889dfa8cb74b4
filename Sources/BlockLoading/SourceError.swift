/// Why a source could not give the bytes, and what that means for who waits for them.
public struct SourceError: Error, Sendable, Equatable {
    /// What follows from the error.
    public enum Kind: Sendable, Equatable {
        /// The origin cannot be reached at all (no route, refused, unknown name): retry for ever, all requests wait.
        case unreachable
        /// Somebody answers who does not prove to be the origin (a wrong TLS certificate): as `unreachable` for who
        /// waits, as the network may yet change; final for who is about to begin.
        case untrusted
        /// The origin asks for patience: all requests wait, at least as long as it says.
        case throttled(retryAfter: Duration?)
        /// This request failed in a way that may pass (5xx, short body, time-out): retry it.
        case temporary
        /// The answer will not change (gone, forbidden, cannot serve ranges): readers get this raw errno.
        case final(errno: Int32)
    }

    public var kind: Kind
    /// For people: what happened, to which address, why, what to do. Without credentials and query.
    public var message: String

    public init(_ kind: Kind, _ message: String) {
        self.kind = kind
        self.message = message
    }
}
