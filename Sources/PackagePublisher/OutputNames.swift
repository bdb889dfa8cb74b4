import Integrity

/// The names that a publish writes in its output directory.
struct OutputNames {
    private let stem: [UInt8]

    init(_ name: String) { stem = Array(name.utf8) }

    var envelope: [UInt8] { stem + ".incfs".utf8 }
    var unfinishedEnvelope: [UInt8] { Array(".".utf8) + stem + ".incfs.part".utf8 }
    var unfinishedPack: [UInt8] { Array(".".utf8) + stem + ".pack.part".utf8 }

    /// A pack is named after its content, so that a new release does not take the old one's data from under its readers, and caches never
    /// have to ask whether it changed.
    func pack(_ indexDigest: Digest) -> [UInt8] { stem + "-".utf8 + indexDigest.description.utf8.prefix(16) + ".pack".utf8 }

    /// True for what this or an earlier publish of the same name wrote.
    func isOwn(_ name: [UInt8]) -> Bool {
        if name == envelope || name == unfinishedEnvelope || name == unfinishedPack { return true }
        guard name.count == stem.count + 22, name.starts(with: stem + "-".utf8), name.suffix(5).elementsEqual(".pack".utf8) else { return false }
        return name[(stem.count + 1)..<(stem.count + 17)].allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
    }
}
