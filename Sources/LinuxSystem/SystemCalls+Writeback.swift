import CLinux

extension SystemCalls {
    /// Starts writing a range's dirty pages to disk and does not wait (sync_file_range(2), `SYNC_FILE_RANGE_WRITE`). A hint: errors show in fsync(2).
    public static func startWriteback(_ descriptor: CInt, at offset: UInt64, length: UInt64) {
        _ = clinux_sync_file_range(descriptor, off_t(offset), off_t(length), 2)
    }
}
