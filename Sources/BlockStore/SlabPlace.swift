import Glibc
import LinuxSystem

/// One slab file.
final class SlabFile: Sendable {
    let number: UInt64
    let path: FilePath
    private let slot = FileSlot()
    private let files: EvictionClock<FileSlot>

    init(number: UInt64, path: FilePath, files: EvictionClock<FileSlot>) {
        self.number = number
        self.path = path
        self.files = files
    }

    /// The open file, created if need be.
    func open() throws(Errno) -> FileLease {
        let borrowed = slot.borrow()
        if borrowed >= 0 { return FileLease(borrowed, borrowedFrom: slot) }
        let opened = try SystemCalls.open(path, flags: O_RDWR | O_CREAT | O_NOFOLLOW)
        // What lies beside a small object is seldom wanted next.
        SystemCalls.advise(opened.rawValue, POSIX_FADV_RANDOM)
        let lease = FileLease(opened: opened, into: slot)
        files.admit(slot, cost: 1)
        return lease
    }
}

/// Where a small object lies.
struct SlabPlace: Sendable {
    let file: SlabFile
    let offset: UInt64
    let size: UInt64
}
