/// What the nodes of a tree add up to; the manifest must say the same.
struct TreeTotals: Sendable, Equatable {
    var files: UInt64 = 0
    var directories: UInt64 = 0
    var symbolicLinks: UInt64 = 0
    var bytes: UInt64 = 0
    var dataBytes: UInt64 = 0
}
