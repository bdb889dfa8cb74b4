import Glibc

/// A record of the index that breaks a rule of the format although its page's digest is right: the publisher's fault.
/// Readers of what depends on it get `EIO`.
public struct InvalidRecord: Error, Equatable, CustomStringConvertible {
    /// The table it lies in.
    public enum Table: String, Sendable { case objects, extents, chunks }
    public var table: Table
    public var number: Int
    /// The broken rule.
    public var rule: StaticString

    /// What a program sees.
    public var rawErrno: Int32 { EIO }
    public var description: String { "the package's index is invalid (\(table.rawValue), record \(number)): \(rule); ask its publisher" }

    public static func == (a: Self, b: Self) -> Bool {
        a.table == b.table && a.number == b.number && a.rule.description == b.rule.description
    }
}
