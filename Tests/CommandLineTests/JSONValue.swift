import FoundationEssentials

/// Any JSON.
indirect enum JSONValue: Decodable {
    case object([String: JSONValue]), array([JSONValue]), string, boolean, integer, number, null

    init(from decoder: any Decoder) throws {
        if let fields = try? [String: JSONValue](from: decoder) { self = .object(fields); return }
        if let elements = try? [JSONValue](from: decoder) { self = .array(elements); return }
        let value = try decoder.singleValueContainer()
        if value.decodeNil() { self = .null }
        else if (try? value.decode(Bool.self)) != nil { self = .boolean }
        else if (try? value.decode(UInt64.self)) != nil { self = .integer }
        else if (try? value.decode(Double.self)) != nil { self = .number }
        else { _ = try value.decode(String.self); self = .string }
    }

    var typeName: String {
        switch self {
        case .object: "object"
        case .array: "array"
        case .string: "string"
        case .boolean: "boolean"
        case .integer: "integer"
        case .number: "number"
        case .null: "null"
        }
    }
}
