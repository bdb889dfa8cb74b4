import NIOHTTP1

/// The ETag or Last-Modified of each file, to notice that it changed at the origin. A change is never an error: the
/// digest decides. Servers behind one address often disagree about ETags, so it is logged once per file.
struct Validators {
    private struct Known {
        var value: String
        var told = false
    }
    private var files: [String: Known] = [:]

    /// Files remembered at most; beyond, new ones are not watched.
    static let limit = 10_000

    enum Change: Equatable { case none, known, new(String) }

    /// Compares with the last answer for `file`.
    mutating func check(_ file: String, _ headers: HTTPHeaders) -> Change {
        let value: String
        if let tag = headers.first(name: "etag") {
            value = "ETag \(tag.prefix(100))"
        } else if let time = headers.first(name: "last-modified") {
            value = "Last-Modified \(time.prefix(100))"
        } else {
            return .none
        }
        guard let known = files[file] else {
            if files.count < Self.limit { files[file] = Known(value: value) }
            return .none
        }
        if known.value == value { return .none }
        files[file] = Known(value: value, told: true)
        return known.told ? .known : .new("\(known.value) became \(value)")
    }
}
