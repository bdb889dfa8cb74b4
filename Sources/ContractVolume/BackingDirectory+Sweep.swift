import Glibc
import LinuxSystem

/// What a process that died in the middle of a change left.
extension BackingDirectory {
    /// The most blocks that the counters of a file can lag behind its map: those of one fill.
    static let mostUncounted: UInt32 = 128

    /// Takes back what nobody was told of, before anything is mounted: entries of `.index` and `.incomplete` whose file has no name
    /// (its creation did not get that far, or its last name was removed), and entries of `.incomplete` whose file is complete.
    /// What cannot be looked at stays.
    public func sweep() {
        for name in (try? SystemCalls.entries(of: incomplete).map(\.name)) ?? [] where name.count == 32 {
            guard let status = try? SystemCalls.status(name: name, in: incomplete), status.kind == .regular else { continue }
            if isNameless(name, status) || isComplete(name) { try? SystemCalls.remove(name, in: incomplete) }
        }
        for name in (try? SystemCalls.entries(of: index).map(\.name)) ?? [] where name.count == 32 {
            guard let status = try? SystemCalls.status(name: name, in: index), status.kind == .regular, isNameless(name, status) else { continue }
            try? SystemCalls.remove(name, in: index)
        }
    }

    /// No links but those of the two directories.
    private func isNameless(_ name: [UInt8], _ status: FileStatus) -> Bool {
        let others = [index, incomplete].count { (try? SystemCalls.status(name: name, in: $0))?.inode == status.inode }
        return status.linkCount <= UInt64(others)
    }

    private func isComplete(_ name: [UInt8]) -> Bool {
        guard let path = try? SystemCalls.open(name: name, in: incomplete, flags: SystemCalls.pathOnly | O_NOFOLLOW), let opened = try? files.open(path.rawValue), !opened.isMapped
        else { return false }
        let file = opened.file
        if file.hasAllData { return true }
        // The counters come after the blocks: the map decides, where they are nearly there. They stay what they are: a scan repairs them.
        guard file.dataBlocks - file.counts.dataFilled <= Self.mostUncounted, let map = try? file.entries(0..<file.dataBlocks) else { return false }
        return map.allSatisfy(\.isPresent)
    }
}
