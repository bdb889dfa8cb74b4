import FoundationEssentials

@testable import incfs

/// The fields of JSON output with their types: of documentation, and of what was printed.
struct FieldTypes: Equatable, CustomStringConvertible {
    /// By path, e.g. `mounts[].name`.
    var types: [String: String] = [:]
    /// Those that are always there.
    var always: Set<String> = []

    var description: String { types.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)\(always.contains($0.key) ? "" : "?")" }.joined(separator: "\n") }

    /// The tables of a document by their headings (`## heading`).
    static func tables(of document: String) -> [String: FieldTypes] {
        var result: [String: FieldTypes] = [:]
        var heading = ""
        for line in document.split(separator: "\n") {
            if line.hasPrefix("## ") { heading = String(line.dropFirst(3)) }
            let cells = line.split(separator: "|").map { String($0).trimmed }
            guard line.hasPrefix("| `"), cells.count >= 3 else { continue }
            let type = cells[1], always = cells[2] == "yes"
            for name in cells[0].split(separator: "`").filter({ !$0.contains(",") && $0.contains { $0 != " " } }) {
                result[heading, default: FieldTypes()].types[String(name)] = type
                if always { result[heading]?.always.insert(String(name)) }
            }
        }
        return result
    }

    /// The fields of one printed object.
    static func printed(_ json: some Collection<UInt8>) throws -> [String: String] {
        var types: [String: String] = [:]
        collect(try JSONDecoder().decode(JSONValue.self, from: Data(json)), at: "", into: &types)
        return types
    }

    private static func collect(_ value: JSONValue, at path: String, into types: inout [String: String]) {
        switch value {
        case .object(let fields):
            if !path.isEmpty { types[path] = path.hasSuffix("[]") ? nil : "object" }
            for (name, field) in fields { collect(field, at: path.isEmpty ? name : "\(path).\(name)", into: &types) }
        case .array(let elements):
            types[path] = "array of \(elements.first?.typeName ?? "nothing")"
            for element in elements { if case .object = element { collect(element, at: path + "[]", into: &types) } }
        default: types[path] = value.typeName
        }
    }
}
