extension BackingStructure {
    /// The structure in lines for a person: each begins with the place in the file.
    public var lines: [String] {
        var lines = [line(0, "header: version \(version), \(isMapped ? "mapped file" : "file") of \(size) bytes (\(dataBlocks) blocks), flags \(flags)")]
        lines.append(line(40, "\(isMapped ? "id of the source" : "id"): \(String(hex: identity))"))
        if isMapped { return lines + [line(24, "window into the source from \(firstRecord) on (block \(firstRecord / 4096))")] }
        lines.append(line(24, firstRecord == 0 ? "no records" : "first record at \(String(place: firstRecord))"))
        for record in records {
            let next = record.next == 0 ? "the last" : "next at \(String(place: record.next))"
            lines.append(line(record.offset, "\(BackingReader.names[record.type] ?? "unknown") record (type \(record.type)), \(record.size) bytes, \(next)"))
            if record.checksum != 0 { lines.append(detail("checksum \(String(place: UInt64(record.checksum))), previous record at \(String(place: record.previous))")) }
            lines += details(record).map(detail)
        }
        if mapBase != nil { lines.append(detail("\(dataPresent) of \(dataBlocks) data blocks and \(hashPresent) of \(mapEntries - min(mapEntries, dataBlocks)) hash blocks are stored:")) }
        for run in runs {
            let isData = run.first < dataBlocks
            let kind = !isData ? "hash" : ["raw", "LZ4", "Zstandard"][safely: Int(run.compression)] ?? "compression \(run.compression)"
            lines.append(line(run.offset, "\(isData ? "" : "hash ")\(String(blocks: isData ? run.first : run.first - dataBlocks, count: run.count)), \(kind), \(run.length) bytes"))
        }
        lines.append(line(length, "end of the file"))
        return lines
    }

    private func details(_ record: Record) -> [String] {
        func number(_ at: Int, _ size: Int) -> UInt64 { record.bytes.count >= at + size ? BackingBytes.number(record.bytes, at, size) : 0 }
        switch record.type {
        case 1: return ["\(number(31, 4)) entries of 10 bytes at \(String(place: number(23, 8)))"]
        case 2: return ["\(number(31, 2)) bytes at \(String(place: number(23, 8)))"]
        case 3:
            return ["signature of \(number(23, 4)) bytes at \(String(place: number(27, 8))), hash tree of \(number(35, 4)) bytes at \(String(place: number(39, 8)))"]
                + (signature?.record == record.offset ? signature?.root.map { ["root hash \(String(hex: $0))"] } ?? [] : [])
        case 4: return ["\(number(23, 4)) data blocks and \(number(27, 4)) hash blocks written"]
        case 5: return ["\(number(23, 4)) bytes at \(String(place: number(27, 8)))"]
        default: return []
        }
    }

    private func line(_ place: UInt64, _ text: String) -> String {
        let place = String(place: place)
        return String(repeating: " ", count: max(0, 12 - place.count)) + place + "  " + text
    }

    private func detail(_ text: String) -> String { String(repeating: " ", count: 14) + text }
}

extension Array {
    fileprivate subscript(safely index: Int) -> Element? { indices.contains(index) ? self[index] : nil }
}
