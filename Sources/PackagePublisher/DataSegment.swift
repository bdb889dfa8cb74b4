import CLinux
import LinuxSystem

/// A run of a file's bytes that is not a hole.
struct DataSegment: Sendable, Equatable {
    /// Bytes from the file's start, a multiple of 4096.
    var offset: UInt64
    /// Bytes; a multiple of 4096 unless it ends the file.
    var length: UInt64
    var end: UInt64 { offset + length }

    /// The segments of an open file, in order, widened to whole 4 KiB blocks (lseek(2), `SEEK_DATA` and `SEEK_HOLE`).
    /// A file whose blocks hold all of it is not asked: it has no holes.
    static func all(of descriptor: CInt, _ status: FileStatus) throws(Errno) -> [DataSegment] {
        let size = status.size
        if size == 0 { return [] }
        if status.blocks >= (size + 511) / 512 { return [DataSegment(offset: 0, length: size)] }
        var segments: [DataSegment] = []
        var offset: UInt64 = 0
        while offset < size {
            let data: UInt64
            do throws(Errno) { data = try SystemCalls.seek(descriptor, offset, whence: CInt(INCFS_SEEK_DATA)) } catch {
                if error == .noSuchAddressOrDevice { break }
                throw error
            }
            let hole = try SystemCalls.seek(descriptor, data, whence: CInt(INCFS_SEEK_HOLE))
            let start = data & ~4095
            let end = min((hole + 4095) & ~4095, size)
            // The file shrank between the two questions.
            guard start < size, end > start else { break }
            if let last = segments.last, last.end >= start {
                segments[segments.count - 1].length = max(end, last.end) - last.offset
            } else {
                segments.append(DataSegment(offset: start, length: end - start))
            }
            offset = max(hole, end)
        }
        return segments
    }
}

extension Sequence<DataSegment> {
    /// Bytes in all segments.
    var byteCount: UInt64 { reduce(0) { $0 + $1.length } }
}
