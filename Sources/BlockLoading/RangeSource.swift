/// Bytes by range from one origin: a web server, a directory, a test.
///
/// A source knows nothing of priorities and retries nothing by itself: it says what happened (`SourceError`), and the
/// loader decides. Calls may come from many tasks at once. They suspend and never block a thread of the cooperative
/// pool, and they end soon after their task is cancelled.
public protocol RangeSource: Sendable {
    /// The origin's name for messages and logs, e.g. `https://host/app.incfs`; without credentials and query.
    var name: String { get }

    /// Reads exactly `length` bytes (1 or more) from `offset` of a file at the origin.
    ///
    /// `path` is relative to the directory of the envelope, raw bytes with `/` between components; empty means the
    /// envelope itself. Throws `SourceError`; a short answer is an error.
    func read(path: [UInt8], offset: UInt64, length: Int, options: ReadOptions) async throws(SourceError) -> [UInt8]

    /// Reads up to `length` bytes from `offset`; fewer where the file ends, none at or past its end.
    func readUpTo(path: [UInt8], offset: UInt64, length: Int) async throws(SourceError) -> [UInt8]

    /// Whether it has answered a request for a part of a file with the whole file.
    var ignoresRanges: Bool { get }

    /// Ends connections and threads; later reads fail. Call once, after the last read has returned.
    func shutdown() async
}

extension RangeSource {
    public var ignoresRanges: Bool { false }

    /// Reads exactly `length` bytes with the usual options.
    public func read(path: [UInt8], offset: UInt64, length: Int) async throws(SourceError) -> [UInt8] {
        try await read(path: path, offset: offset, length: length, options: ReadOptions())
    }
}

/// How a range is to be read.
public struct ReadOptions: Sendable, Equatable {
    /// Go around caches on the way: what they gave last time did not match its digest.
    public var bypassCaches: Bool

    public init(bypassCaches: Bool = false) { self.bypassCaches = bypassCaches }
}
