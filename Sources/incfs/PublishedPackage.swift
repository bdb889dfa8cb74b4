import ControlAPI
import LinuxSystem
import PackagePublisher

/// What `incfs publish` prints.
struct PublishedPackage: Encodable {
    /// 64 hexadecimal digits.
    var root: String
    /// What follows the URL of the directory that the output is served at.
    var addressFragment: String
    var envelope: String
    var packs: [String]
    var files: UInt64
    var directories: UInt64
    var symbolicLinks: UInt64
    /// Bytes of all files.
    var bytes: UInt64
    /// Bytes as clients fetch them, compressed.
    var storedBytes: UInt64
    var envelopeBytes: UInt64
    var treeBytes: UInt64

    init(_ summary: PublishSummary) {
        root = summary.root.description
        addressFragment = "#sha256=\(summary.root)"
        envelope = summary.envelope.string
        packs = summary.packs.map(\.string)
        files = summary.files
        directories = summary.directories
        symbolicLinks = summary.symbolicLinks
        bytes = summary.bytes
        storedBytes = summary.storedBytes
        envelopeBytes = summary.envelopeBytes
        treeBytes = summary.treeBytes
    }

    /// What is given away, but for where it will be served: `app.incfs#sha256=…`.
    var address: String { (FilePath(envelope).lastComponent?.string ?? envelope) + addressFragment }

    var text: String {
        return """
            \(HumanText.count(files, "file")), \(HumanText.bytes(bytes)), \(HumanText.bytes(storedBytes)) to fetch in all; \(HumanText.bytes(envelopeBytes)) to start.
            wrote    \(([envelope] + packs).joined(separator: "\n         "))
            root     \(root)
            address  '…/\(address)'
            """
    }
}
