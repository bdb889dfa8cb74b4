import LinuxSystem

/// The administrator's limit on the age of a FUSE request, `fs.fuse.max_request_timeout` (kernel documentation, sysctl/fs).
/// A parked READ older than that aborts the whole connection, so reads have to end before.
enum RequestTimeLimit {
    /// Seconds kept between our time-out and the kernel's; half of a limit that is shorter than twice this.
    static let margin = 20.0

    /// The read time-out to use: what was asked for, or less where the kernel limits it; nil waits for ever.
    static func readTimeout(asked: Double?, kernelLimit: Double?) -> Double? {
        guard let limit = kernelLimit, limit > 0 else { return asked }
        let longest = max(limit - margin, limit / 2)
        return min(asked ?? longest, longest)
    }

    /// The limit of this system in seconds; nil where there is none.
    static var kernelLimit: Double? {
        guard let bytes = try? SystemCalls.contents(of: "/proc/sys/fs/fuse/max_request_timeout", limit: 64) else { return nil }
        let text = String(decoding: bytes.prefix { $0 != 0x0a }, as: UTF8.self)
        return Double(text).flatMap { $0 > 0 ? $0 : nil }
    }
}
