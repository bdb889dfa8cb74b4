import Glibc
import LinuxSystem

/// What a process that died in the middle of a change left.
extension BackingDirectory {
    /// The most blocks that the counters of a file can lag behind its map: those of one fill.
    static let mostUncounted: UInt32 = 128

    /// Takes back what nobody was told of, before anything is mounted: entries of `.index` and `.incomplete` whose file has no name
    /// (its creation did not get that far, or its last name was removed), and entries of `.incomplete` whose file is complete.
    /// What cannot be looked at stays.
    ///
    /// In a directory that was copied without its hard links every entry is a file of its own, without another name: one whose id a visible file has stays.
    public func sweep() {
        var nameless: [(name: [UInt8], directory: CInt)] = []
        for directory in [incomplete, index] {
            for name in (try? SystemCalls.entries(of: directory).map(\.name)) ?? [] where name.count == 32 {
                guard let status = try? SystemCalls.status(name: name, in: directory), status.kind == .regular else { continue }
                if isNameless(name, status) { nameless.append((name, directory)) } else if directory == incomplete, isComplete(name) { try? SystemCalls.remove(name, in: incomplete) }
            }
        }
        if nameless.isEmpty { return }
        var visible: Set<FileID> = []
        do throws(Errno) { try collectIdentities(root, level: 0, into: &visible) } catch { return }
        for (name, directory) in nameless {
            if let id = FileID(text: name), visible.contains(id) { continue }
            try? SystemCalls.remove(name, in: directory)
        }
    }

    /// Directories below each other, at most: one descriptor is open for each.
    private static let mostLevels = 512

    /// The ids of all files that have names.
    private func collectIdentities(_ directory: CInt, level: Int, into identities: inout Set<FileID>) throws(Errno) {
        guard level < Self.mostLevels else { throw .tooManySymbolicLinkLevels }
        for entry in try SystemCalls.entries(of: directory) where entry.name != Array(".".utf8) && entry.name != Array("..".utf8) {
            if level == 0, SpecialName.index == entry.name || SpecialName.incomplete == entry.name { continue }
            let status = try SystemCalls.status(name: entry.name, in: directory)
            switch status.kind {
            case .regular:
                let file = try SystemCalls.open(name: entry.name, in: directory, flags: SystemCalls.pathOnly | O_NOFOLLOW)
                if let id = BackingAttributes.identity(ofDescriptor: file.rawValue) { identities.insert(id) }
            // What is mounted in there is not shown.
            case .directory where status.device == rootStatus.device:
                let inner = try SystemCalls.open(name: entry.name, in: directory, flags: SystemCalls.pathOnly | O_DIRECTORY | O_NOFOLLOW)
                try collectIdentities(inner.rawValue, level: level + 1, into: &identities)
            default: break
            }
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
