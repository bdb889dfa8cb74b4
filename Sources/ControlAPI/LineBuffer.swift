/// Splits a stream of bytes into lines of bounded length. Pure: bytes in, lines out.
struct LineBuffer {
    /// The longest line, its `\n` included.
    let limit: Int
    private var bytes: [UInt8] = []
    /// Everything before this was searched and has no `\n`.
    private var searched = 0

    init(limit: Int) { self.limit = limit }

    /// The bytes held that are not yet part of a complete line.
    var count: Int { bytes.count }

    mutating func append(_ more: some Sequence<UInt8>) { bytes.append(contentsOf: more) }

    /// The next complete line without its `\n`, or nil.
    ///
    /// - Throws: code `line_too_long` once `limit` bytes hold no `\n`.
    mutating func next() throws(ControlError) -> [UInt8]? {
        if let end = bytes[searched...].firstIndex(of: 0x0a), end < limit {
            let line = Array(bytes[..<end])
            bytes.removeSubrange(...end)
            searched = 0
            return line
        }
        searched = bytes.count
        if bytes.count >= limit {
            throw ControlError(.lineTooLong, "A line on the control socket is longer than \(limit) bytes.")
        }
        return nil
    }
}
