/// Our half of INIT: what we would like, and the decision on a kernel's offer. Pure.
public struct FUSENegotiation: Hashable, Sendable {
    /// Taken as far as the kernel offers it.
    public var wanted: FUSEInitFlags
    /// Every single-page random read is a background request; parked ones count. At the limit all readahead of the mount
    /// stops, so it is as large as we can ask for; the kernel cuts it for ordinary users (`max_user_bgreq`).
    public var maxBackground: UInt16
    /// Bytes.
    public var maxWrite: UInt32
    public var maxPages: UInt16
    /// 1 with passthrough.
    public var maxStackDepth: UInt32
    /// The most readahead of the mount in bytes; nil is what the kernel offers.
    public var maxReadahead: UInt32?

    /// What every mount wants. Left out on purpose: `asyncDirectIO` (its readers cannot be killed), `overIOUring` (a parked
    /// read would hold a ring entry, and nothing resends), `exportSupport`, `writebackCache`, `abortError`.
    public static let standardFlags: FUSEInitFlags = [
        .asyncRead, .bigWrites, .readdirplus, .readdirplusAuto, .parallelDirectoryOperations, .maxPages, .cacheSymlinks,
        .noOpendirSupport, .initExtension, .hasResend,
    ]

    /// - Parameters:
    ///   - allowNoOpen: let the server answer OPEN with ENOSYS once and never be asked again. Excludes passthrough.
    ///   - passthrough: ask for it; it works only for a server with `CAP_SYS_ADMIN`.
    public init(allowNoOpen: Bool = false, passthrough: Bool = false) {
        precondition(!(allowNoOpen && passthrough), "a mount without OPEN has no passthrough")
        wanted = Self.standardFlags
        if allowNoOpen { wanted.insert(.noOpenSupport) }
        if passthrough { wanted.insert(.passthrough) }
        maxBackground = 60_000
        maxWrite = 1 << 20
        maxPages = FUSELimits.maximumPages
        maxStackDepth = passthrough ? 1 : 0
    }

    public enum Outcome: Hashable, Sendable {
        /// Answer with it and begin.
        case agreed(FUSEInitReply)
        /// The kernel's major is newer: answer with ours alone, and expect a second INIT.
        case offerOlderMajor(FUSEInitReply)
        /// The kernel is too old: answer EPROTO and end.
        case refused
    }

    /// Decides on an offer, as the head of `linux/fuse.h` says.
    public func answer(to offer: FUSEInit) -> Outcome {
        if offer.major > FUSEVersion.major { return .offerOlderMajor(FUSEInitReply(minor: FUSEVersion.minor)) }
        guard offer.major == FUSEVersion.major, offer.minor >= FUSEVersion.minimumMinor else { return .refused }
        var flags = wanted.intersection(offer.flags)
        if !offer.flags.contains(.initExtension) { flags.rawValue &= 0xFFFF_FFFF }
        return .agreed(FUSEInitReply(
            minor: min(offer.minor, FUSEVersion.minor),
            maxReadahead: min(offer.maxReadahead, maxReadahead ?? .max),
            flags: flags,
            maxBackground: maxBackground,
            congestionThreshold: maxBackground,
            maxWrite: maxWrite,
            maxPages: flags.contains(.maxPages) ? maxPages : 32,
            maxStackDepth: flags.contains(.passthrough) ? maxStackDepth : 0))
    }
}
