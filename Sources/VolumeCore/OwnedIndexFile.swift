import Glibc
import LinuxSystem
import PackageFormat

/// The index pages of a package kept in the store between runs: page i at i × page size in a sparse file. Pages are verified
/// against the manifest when they are read back, so the file needs neither a header nor durability.
final class OwnedIndexFile: Sendable {
    private let descriptor: OwnedDescriptor

    /// Opens or creates the file; nil if the store cannot (the pages are then fetched again at the next start).
    init?(path: FilePath) {
        do { descriptor = try SystemCalls.open(path, flags: O_RDWR | O_CREAT, mode: 0o600) } catch { return nil }
    }

    /// Takes in every page that verifies.
    func load(into index: PackageIndex) {
        guard let size = try? SystemCalls.status(of: descriptor.rawValue).size, size > 0 else { return }
        let buffer = AlignedBuffer(count: Int(IndexLayout.pageSize))
        // The buffer outlives the pointer into it.
        defer { withExtendedLifetime(buffer) {} }
        for page in 0..<index.pageCount where !index.isInstalled(page) {
            let length = index.pageRange(page).length
            let bytes = UnsafeMutableRawBufferPointer(rebasing: buffer.bytes[..<length])
            guard let n = try? SystemCalls.preadAll(descriptor.rawValue, into: bytes, at: UInt64(page) * IndexLayout.pageSize), n == length else { continue }
            _ = index.install(page: page, bytes: UnsafeRawBufferPointer(bytes))
        }
    }

    /// Keeps a verified page. A failure costs one request at the next start, nothing else.
    func keep(page: Int, of index: PackageIndex, _ bytes: UnsafeRawBufferPointer) {
        _ = try? SystemCalls.pwriteAll(descriptor.rawValue, bytes, at: UInt64(page) * IndexLayout.pageSize)
    }
}
