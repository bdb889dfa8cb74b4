/// When a dead daemon is started again. Pure: the keeper tells it how long the daemon ran.
public struct RespawnPolicy: Sendable {
    public enum Decision: Equatable, Sendable {
        case start(afterMilliseconds: UInt64)
        case giveUp
    }

    /// A daemon that dies earlier than this after its start died rapidly.
    public static let rapidMilliseconds: UInt64 = 10_000
    public static let maximumRapidDeaths = 10
    static let firstDelay: UInt64 = 100
    static let longestDelay: UInt64 = 5000
    /// At least so long from the start of a daemon that is killed to the start of the next.
    static let killedInterval: UInt64 = 250

    public private(set) var rapidDeaths = 0

    public init() {}

    /// The first rapid death is answered at once, the next after 100 ms, then twice as long each time, up to 5 s; the tenth
    /// in a row is the end. A daemon that ran long enough wipes the slate.
    public mutating func daemonDied(afterMilliseconds ran: UInt64) -> Decision {
        guard ran < Self.rapidMilliseconds else {
            rapidDeaths = 0
            return .start(afterMilliseconds: 0)
        }
        rapidDeaths += 1
        if rapidDeaths >= Self.maximumRapidDeaths { return .giveUp }
        if rapidDeaths == 1 { return .start(afterMilliseconds: 0) }
        return .start(afterMilliseconds: min(Self.firstDelay << UInt64(rapidDeaths - 2), Self.longestDelay))
    }

    /// SIGKILL comes from outside, from an administrator or a kernel that is short of memory, and says nothing against the
    /// daemon: the next one starts at once, is never the last, and the deaths before do not weigh more for it.
    public func daemonKilled(afterMilliseconds ran: UInt64) -> Decision {
        .start(afterMilliseconds: Self.killedInterval - min(ran, Self.killedInterval))
    }
}
