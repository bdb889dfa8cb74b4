import VolumeCore

/// Names one request to the source.
public struct FetchID: Hashable, Sendable {
    public var number: UInt64
}

/// One request to the source: a range of one file that holds one or more units, in order and touching.
public struct Fetch: Sendable, Equatable {
    /// A unit inside the range.
    public struct Part: Sendable, Equatable {
        public var unit: LoadUnit
        /// Bytes from the start of the range.
        public var offset: Int
        public var length: Int
    }

    public var id: FetchID
    public var path: [UInt8]
    public var offset: UInt64
    public var length: Int
    public var parts: [Part]
    /// The priority of its most urgent unit when it started.
    public var priority: LoadPriority
    public var options: ReadOptions
}
