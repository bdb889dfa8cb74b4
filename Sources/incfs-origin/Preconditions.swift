/// The conditions of a request (RFC 9110, section 13) against a file's validators. Pure.
struct Preconditions {
    enum Outcome: Equatable { case proceed, notModified, failed }

    var ifMatch: String?
    var ifNoneMatch: String?
    var ifModifiedSince: String?
    var ifUnmodifiedSince: String?
    var ifRange: String?

    /// In the order of section 13.2.2.
    func outcome(entityTag: String, modified: Int64) -> Outcome {
        if let ifMatch {
            if !Self.list(ifMatch, has: entityTag, weakly: false) { return .failed }
        } else if let date = ifUnmodifiedSince.flatMap(HTTPDate.seconds), modified > date {
            return .failed
        }
        if let ifNoneMatch {
            return Self.list(ifNoneMatch, has: entityTag, weakly: true) ? .notModified : .proceed
        }
        if let date = ifModifiedSince.flatMap(HTTPDate.seconds), modified <= date { return .notModified }
        return .proceed
    }

    /// Whether a `Range` header counts: without `If-Range`, or when it names exactly this file.
    func allowsRange(entityTag: String, modified: Int64) -> Bool {
        guard let ifRange else { return true }
        return ifRange == entityTag || HTTPDate.seconds(ifRange) == modified
    }

    private static func list(_ header: String, has tag: String, weakly: Bool) -> Bool {
        if header.trimmingBlanks() == "*" { return true }
        return header.split(separator: ",").contains { item in
            let item = item.trimmingBlanks()
            return item == tag || (weakly && item == "W/" + tag)
        }
    }
}
