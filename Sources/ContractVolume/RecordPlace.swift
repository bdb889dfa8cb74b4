/// Where a record goes: at the end, unless a write of its 8-byte fields, or of the one that leads to it, could be torn.
///
/// Writes to a file are whole or not at all within a page (4096 bytes), and come in their order; a process that dies between two
/// pages of one write leaves the first. A field that spans two pages is therefore half written in such a moment, and must mean nothing.
enum RecordPlace {
    static let page: UInt64 = 4096

    /// Bytes of a field of 8 at `offset` that lie in its first page: 8 when it has only one.
    static func head(of offset: UInt64) -> UInt64 { min(8, page - offset % page) }

    /// `end` or what follows it, for a record that is linked from the field at `link`; `counts`: it is a status, whose counters are
    /// written again and again.
    static func find(end: UInt64, link: UInt64, counts: Bool) -> UInt64 {
        var place = end
        let bits = head(of: link) * 8
        // All that is not 0 of the link lies in one page: in the first when the number is small enough, else in the second.
        if bits < 64, place >> bits != 0 { place = ((place - 1) >> bits + 1) << bits }
        while head(of: place + BackingRecord.nextField) < 8 || (counts && head(of: place + UInt64(BackingRecord.recordHeaderSize)) < 8) {
            place += bits < 64 && place >> bits != 0 ? 1 << bits : 1
        }
        return place
    }
}
