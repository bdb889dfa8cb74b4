import LinuxSystem

/// The mount options of the published interface, with their defaults and limits.
public struct ContractOptions: Hashable, Sendable {
    /// How long a read waits for a missing block, in milliseconds; 0 fails at once.
    public var readTimeoutMilliseconds: UInt32 = 1000
    /// Readahead of the mount in pages; 0 is none. Taken at mount, not at remount.
    public var readaheadPages: UInt32 = 10
    /// Size of the read log in pages; 0 is off.
    public var logPages: UInt32 = 2
    /// Unread records that make `.log` readable for poll(2).
    public var logWakeupCount: UInt32 = 10
    /// Records carry the reader's user: 40 bytes instead of 32. Fixed for the life of the mount.
    public var reportsUser = false
    /// Under which name the counters are shown.
    public var counterName: String?

    /// The longest time-out in milliseconds: an hour.
    public static let longestReadTimeout: UInt32 = 3_600_000

    public init() {}

    /// Why options are refused; `errno` is what mount(2) would say.
    public struct Refusal: Error, Hashable, Sendable, CustomStringConvertible {
        public var errno: Errno
        public var description: String
    }

    /// Reads what follows `-o`. What is not mentioned has its default, also at a remount; empty items count for nothing; of an
    /// option given twice the last counts. Throws EINVAL.
    public init(parsing text: String) throws(Refusal) {
        for item in text.split(separator: ",") {
            let parts = item.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let value = parts.count == 2 ? String(parts[1]) : nil
            switch (String(parts[0]), value) {
            case ("read_timeout_ms", let value?):
                readTimeoutMilliseconds = try Self.number(value, item)
                guard readTimeoutMilliseconds <= Self.longestReadTimeout else {
                    throw Refusal(errno: .invalidArgument, description: "\(item): a read may wait \(Self.longestReadTimeout) ms at most")
                }
            case ("readahead", let value?): readaheadPages = try Self.number(value, item)
            case ("rlog_pages", let value?): logPages = try Self.number(value, item)
            case ("rlog_wakeup_cnt", let value?): logWakeupCount = try Self.number(value, item)
            case ("report_uid", nil): reportsUser = true
            case ("sysfs_name", let value?):
                guard Self.isName(value) else {
                    throw Refusal(errno: .invalidArgument, description: "\(item): the name must be a single component of 1 to 255 bytes")
                }
                counterName = value
            default: throw Refusal(errno: .invalidArgument, description: "\(item): there is no such mount option")
            }
        }
    }

    static func isName(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.count <= 255 && text != "." && text != ".." && !text.utf8.contains { $0 == UInt8(ascii: "/") || $0 < 0x20 }
    }

    /// A C integer from 0 to 2³¹ − 1: decimal, 0x… or 0….
    private static func number(_ text: String, _ item: Substring) throws(Refusal) -> UInt32 {
        let value: UInt32?
        if text.hasPrefix("0x") || text.hasPrefix("0X") { value = digits(text.dropFirst(2), 16) }
        else if text.hasPrefix("0") && text.utf8.count > 1 { value = digits(text.dropFirst(), 8) }
        else { value = digits(text[...], 10) }
        guard let value, value <= UInt32(Int32.max) else { throw Refusal(errno: .invalidArgument, description: "\(item): not a number from 0 to 2147483647") }
        return value
    }

    /// `UInt32(_:radix:)` would take a sign.
    private static func digits(_ text: Substring, _ radix: Int) -> UInt32? {
        text.utf8.allSatisfy { $0 != UInt8(ascii: "+") && $0 != UInt8(ascii: "-") } ? UInt32(text, radix: radix) : nil
    }

    /// Whether a mount with these options may become one with `new`. Throws EOPNOTSUPP when the size of the records would change.
    public func checkRemount(to new: ContractOptions) throws(Refusal) {
        guard reportsUser == new.reportsUser else {
            throw Refusal(errno: .notSupportedOnSocket, description: "report_uid cannot change while it is mounted")
        }
    }

    /// How the options would show in the mount table.
    public var description: String {
        var items = ["read_timeout_ms=\(readTimeoutMilliseconds)", "readahead=\(readaheadPages)"]
        if logPages != 0 { items += ["rlog_pages=\(logPages)", "rlog_wakeup_cnt=\(logWakeupCount)"] }
        if reportsUser { items.append("report_uid") }
        if let counterName { items.append("sysfs_name=\(counterName)") }
        return items.joined(separator: ",")
    }
}
