import ControlAPI

/// What `--json` prints: the fields of `body`, and the version of this output in `schema`. docs/JSON.md lists every field.
struct JSONAnswer<Body: Encodable>: Encodable {
    let body: Body

    private enum Key: String, CodingKey { case schema }

    func encode(to encoder: any Encoder) throws {
        try body.encode(to: encoder)
        var fields = encoder.container(keyedBy: Key.self)
        try fields.encode(JSONSchema.version, forKey: .schema)
    }
}

enum JSONSchema {
    /// Raised when a field goes, changes its type or its meaning; a field that is added does not raise it.
    static let version = 1
}

/// What `--json` prints when the command fails; the sentence for people is on standard error all the same.
struct FailedAnswer: Encodable {
    let error: ControlError
}
