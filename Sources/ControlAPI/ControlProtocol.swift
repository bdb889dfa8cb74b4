import FoundationEssentials

/// The wire form of the daemon's control socket.
///
/// A connection is a Unix stream socket. Each side writes lines of JSON (RFC 8259) that end in one `\n`:
///
/// ```
/// client  {"v":1,"op":"mount","body":{…}}
/// daemon  {"v":1,"kind":"progress","body":{…}}       any number of these
/// daemon  {"v":1,"kind":"mounted","body":{…}}        exactly one answer, or kind "error"
/// ```
///
/// Requests of one connection are answered in order, one at a time. Field names are snake_case. Unknown fields are ignored
/// on both sides, so that fields can be added; a change of meaning raises `version`.
public enum ControlProtocol {
    /// The version that both sides write in `v`. Another version is answered with the error code `protocol_version`.
    public static let version = 1

    /// The longest request in bytes, its `\n` included: a bound on the memory that a client can make the daemon take.
    public static let maximumRequestLength = 1 << 20

    /// The longest answer in bytes: a status with every file of a large package.
    public static let maximumReplyLength = 64 << 20

    /// Connections served at once; the next one is told `busy`.
    public static let maximumConnections = 64

    /// Encodes one line, with its `\n`. `value` is one of this target's own types, so it always has a JSON form.
    static func line(_ value: some Encodable) -> [UInt8] {
        guard let data = try? json(value, pretty: false) else { preconditionFailure("a control message has no JSON form") }
        return data + [0x0a]
    }

    /// Decodes one line without its `\n`.
    ///
    /// - Throws: `ControlError` with code `bad_request` when the bytes are not the JSON of a `Value`.
    static func decode<Value: Decodable>(_ type: Value.Type, _ line: [UInt8]) throws(ControlError) -> Value {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        do { return try decoder.decode(type, from: Data(line)) } catch let error as ControlError { throw error } catch {
            throw ControlError(.badRequest, "The control socket received a line that is not a valid message.",
                               hint: "Use the incfs and incfsd of one release.")
        }
    }

    /// The JSON of `value` with snake_case names in sorted order, as the control socket and `--json` write it.
    public static func json(_ value: some Encodable, pretty: Bool) throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = pretty ? [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes] : [.sortedKeys, .withoutEscapingSlashes]
        return Array(try encoder.encode(value))
    }
}
