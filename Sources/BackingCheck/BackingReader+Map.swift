import LinuxSystem

extension BackingReader {
    mutating func readMap() throws(Errno) {
        guard let base = structure.mapBase, structure.mapEntries >= structure.dataBlocks, structure.regions.contains(where: { $0.what == "the block map" && $0.range.lowerBound == base }) else { return }
        var walk = BackingMapWalk(bytes, base: base, entries: structure.mapEntries)
        while try walk.next() {
            for (index, entry) in walk.entries { consider(index, entry, at: base + index * 10) }
        }
        // Nothing but a file that shrinks meanwhile gives fewer.
        if let place = walk.cutOff { find(.damage, at: place, "The block map could not be read to its end."); return }
        for run in structure.runs where run.first < structure.dataBlocks {
            structure.regions.append((run.offset..<run.offset + run.length, String(blocks: run.first, count: run.count)))
        }
    }

    private mutating func consider(_ index: UInt64, _ entry: ArraySlice<UInt8>, at place: UInt64) {
        let offset = BackingBytes.number(entry, 0, 6), stored = BackingBytes.number(entry, 6, 2), flags = BackingBytes.number(entry, 8, 2)
        let isData = index < structure.dataBlocks
        let name = isData ? "block \(index)" : "hash block \(index - structure.dataBlocks)"
        guard offset != 0, stored != 0 else {
            find(.warning, at: place, "The entry of \(name) is half written (offset \(offset), size \(stored), flags \(flags)): the block counts as missing.", remedy: "clear the entry", repair: .write([UInt8](repeating: 0, count: 10), at: place))
            return
        }
        guard offset >= 56, offset + stored <= structure.length else {
            // A block that is not there can come again. Of one that says too much only so much is read: that may be there.
            let read = min(stored, !isData || flags & 7 != 0 ? 8192 : min(4096, structure.size - index * 4096))
            let isRead = offset >= 56 && offset + read <= structure.length
            find(.damage, at: place, "\(name.prefix(1).uppercased() + name.dropFirst()) is said to be at \(String(place: offset)) with \(stored) bytes; the file ends at \(String(place: structure.length)).",
                remedy: isRead ? nil : "mark the block as missing", repair: isRead ? nil : .write([UInt8](repeating: 0, count: 10), at: place))
            // What is read of it may lie in what a repair of something else would write.
            if isRead { note(BackingStructure.Run(first: index, count: 1, compression: UInt16(flags), offset: offset, length: read), at: place) }
            return
        }
        structure.storedEnd = max(structure.storedEnd, offset + stored)
        if isData {
            structure.dataPresent += 1
            if flags & 7 > 2 { find(.damage, at: place + 8, "The entry of \(name) has the unknown flags \(flags).") } else if flags > 2 {
                find(.warning, at: place + 8, "The entry of \(name) has flags that nothing reads (\(flags)).")
            }
            let whole = min(4096, structure.size - index * 4096)
            // A loader may send the last block of a file in full, less than a block, whose rest reads as zeros, or more, of which nothing is read.
            if flags & 7 == 0, stored < whole || stored > 4096 { find(.note, at: place + 6, "\(name.prefix(1).uppercased() + name.dropFirst()) is stored as it is with \(stored) bytes; it has \(whole).") }
            if stored > 8192 { find(flags & 7 == 0 ? .warning : .damage, at: place + 6, "\(name.prefix(1).uppercased() + name.dropFirst()) is stored with \(stored) bytes; 8192 are the most.") }
        } else {
            structure.hashPresent += 1
            let expected = (structure.signature?.treeOffset ?? 0) &+ (index - structure.dataBlocks) * 4096
            if offset != expected || stored != 4096 || flags != 0 {
                find(.damage, at: place, "The entry of \(name) says \(String(place: offset)), \(stored) bytes, flags \(flags); its place is \(String(place: expected)), 4096 bytes, flags 0.")
            }
        }
        if let last = structure.runs.last, last.first + last.count == index, last.offset + last.length == offset, UInt64(last.compression) == flags, index != structure.dataBlocks {
            structure.runs[structure.runs.count - 1].count += 1
            structure.runs[structure.runs.count - 1].length += stored
        } else {
            note(BackingStructure.Run(first: index, count: 1, compression: UInt16(flags), offset: offset, length: stored), at: place)
        }
    }

    private mutating func note(_ run: BackingStructure.Run, at place: UInt64) {
        guard structure.runs.count < mostRuns else { return }
        structure.runs.append(run)
        if structure.runs.count == mostRuns { find(.note, at: place, "The blocks are in more than \(mostRuns) places; whether those from here on overlap is not looked at.") }
    }
}
