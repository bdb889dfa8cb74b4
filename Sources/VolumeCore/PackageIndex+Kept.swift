import Integrity
import LinuxSystem
import PackageFormat

extension PackageIndex {
    /// The index of `head`'s package with the pages that the file at `path` keeps; those that do not verify are left out.
    public convenience init(head: PackageHead, keptAt path: FilePath) {
        self.init(head: head)
        OwnedIndexFile(path: path)?.load(into: self)
    }

    /// The contents that the pages at hand name. Objects whose page is missing are left out, and so are broken records.
    public var contents: [Digest] {
        var result: [Digest] = []
        for number in 0..<Int(layout.objects) { if let record = try? object(number) { result.append(record.digest) } }
        return result
    }
}
