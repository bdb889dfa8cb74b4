import Glibc
import LinuxSystem

/// What a process that died in the middle of a change left.
extension BackingDirectory {
    /// The most blocks that the counters of a file can lag behind its map: those of one fill.
    static let mostUncounted: UInt32 = 128

    /// Takes back what nobody was told of, before anything is mounted: entries of `.index` and `.incomplete` whose file has no name because its creation did not
    /// get that far, or its removal no further; and entries of `.incomplete` whose file is complete. What cannot be looked at stays.
    ///
    /// So does a file without a name that has data, unless it was being removed: the kernel implementation leaves such a one behind when it renames another over its
    /// last name, and shows it in `.index`. In a directory that was copied without its hard links every entry is a file of its own, without another name: one whose
    /// id a visible file has stays, and so does the source of a mapped file, which is found by its entry.
    public func sweep() {
        var nameless: [(name: [UInt8], id: FileID, isUnlinked: Bool, directory: CInt)] = []
        for directory in [incomplete, index] {
            for name in (try? SystemCalls.entries(of: directory).map(\.name)) ?? [] {
                guard let id = FileID(text: name), let status = try? SystemCalls.status(name: name, in: directory), status.kind == .regular else { continue }
                if isNameless(name, status) {
                    guard let path = try? SystemCalls.open(name: name, in: directory, flags: SystemCalls.pathOnly | O_NOFOLLOW) else { continue }
                    let isUnlinked = BackingAttributes.isUnlinked(path.rawValue)
                    if isUnlinked || holdsNothing(path.rawValue) {
                        nameless.append((name, id, isUnlinked, directory))
                        continue
                    }
                }
                if directory == incomplete, isComplete(name) { try? SystemCalls.remove(name, in: incomplete) }
            }
        }
        if nameless.isEmpty { return }
        var visible: Set<FileID> = [], sources: Set<FileID> = []
        do throws(Errno) { try collectIdentities(root, level: 0, into: &visible, &sources) } catch { return }
        for (name, id, isUnlinked, directory) in nameless where !visible.contains(id) && (isUnlinked || !sources.contains(id)) { try? SystemCalls.remove(name, in: directory) }
    }

    /// Nothing that anybody could want: there is no whole header, or it is as it was created.
    private func holdsNothing(_ path: CInt) -> Bool {
        guard let length = try? SystemCalls.status(of: path).size else { return false }
        return length < UInt64(BackingRecord.headerSize) || ((try? parsed(path)) ?? nil)?.isAsCreated(length: length) ?? false
    }

    /// nil where it is no backing file, or a damaged one. Throws where it cannot be opened.
    private func parsed(_ path: CInt) throws(Errno) -> BackingParser? {
        let file = try SystemCalls.open(SystemCalls.path(ofDescriptor: path), flags: O_RDONLY)
        return try? BackingParser(file.rawValue)
    }

    /// Directories below each other, at most: one descriptor is open for each.
    private static let mostLevels = 512

    /// The ids of all files that have names, and those of the sources of mapped ones, which have no id of their own.
    private func collectIdentities(_ directory: CInt, level: Int, into identities: inout Set<FileID>, _ sources: inout Set<FileID>) throws(Errno) {
        guard level < Self.mostLevels else { throw .tooManySymbolicLinkLevels }
        for entry in try SystemCalls.entries(of: directory) where entry.name != Array(".".utf8) && entry.name != Array("..".utf8) {
            if level == 0, SpecialName.index == entry.name || SpecialName.incomplete == entry.name { continue }
            let status = try SystemCalls.status(name: entry.name, in: directory)
            switch status.kind {
            case .regular:
                let file = try SystemCalls.open(name: entry.name, in: directory, flags: SystemCalls.pathOnly | O_NOFOLLOW)
                if let id = BackingAttributes.identity(ofDescriptor: file.rawValue) { identities.insert(id) } else if let id = try parsed(file.rawValue)?.identity { sources.insert(id) }
            // What is mounted in there is not shown.
            case .directory where status.device == rootStatus.device:
                let inner = try SystemCalls.open(name: entry.name, in: directory, flags: SystemCalls.pathOnly | O_DIRECTORY | O_NOFOLLOW)
                try collectIdentities(inner.rawValue, level: level + 1, into: &identities, &sources)
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
        guard file.dataBlocks - file.counts.dataFilled <= Self.mostUncounted else { return false }
        // In pieces, for the map may be of any length; from its end, where mostly what is missing is.
        var end = file.dataBlocks
        while end > 0 {
            let start = end - min(end, VolumeFile.scanPiece)
            guard let map = try? file.entries(start..<end), map.allSatisfy(\.isPresent) else { return false }
            end = start
        }
        return true
    }
}
