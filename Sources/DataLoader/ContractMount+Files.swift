import CIncrementalFS
import Glibc
import SystemPackage

extension ContractMount {
    /// Creates a file of `size` bytes, none of which is there. `metadata` (at most 512 bytes) is kept with it for loaders to come;
    /// `signature` (at most 8,096) has the root of its hash tree: every block is checked against it when it is read.
    ///
    /// - Throws: `EEXIST` name or identity is taken, `ENOENT` no such directory, `EINVAL` a signature that cannot be used,
    ///   `E2BIG` too much metadata.
    public func createFile(
        _ path: FilePath, size: Int64, id: FileID, mode: FilePermissions = [.ownerRead, .groupRead, .otherRead], metadata: [UInt8] = [], signature: [UInt8]? = nil
    ) throws(Errno) {
        let result = metadata.withUnsafeBytes { metadata in
            (signature ?? []).withUnsafeBytes { blob in
                var file = incfs_new_file(
                    size: size, metadata: metadata.isEmpty ? nil : metadata.baseAddress, metadata_size: metadata.count, signature: signature == nil ? nil : blob.baseAddress,
                    signature_size: blob.count)
                return path.withPlatformString { text in with { incfs_make_file($0, text, mode.rawValue, id.raw, &file) } }
            }
        }
        _ = try value(result)
    }

    /// Creates a file that shows `size` bytes of another from `offset` on, which is a multiple of 4,096.
    public func createMappedFile(_ path: FilePath, of source: FileID, offset: Int64, size: Int64, mode: FilePermissions = [.ownerRead, .groupRead, .otherRead]) throws(Errno) {
        _ = try value(path.withPlatformString { text in with { incfs_make_mapped_file($0, text, mode.rawValue, source.raw, offset, size) } })
    }

    /// Creates a directory and all above it; what exists is left as it is.
    public func createDirectories(_ path: FilePath, mode: FilePermissions = [.ownerReadWriteExecute, .groupReadExecute, .otherReadExecute]) throws(Errno) {
        _ = try value(path.withPlatformString { text in with { incfs_make_directories($0, text, mode.rawValue) } })
    }

    /// Removes a name or an empty directory. With its last name a file is gone for good.
    public func remove(_ path: FilePath) throws(Errno) { _ = try value(path.withPlatformString { text in with { incfs_unlink($0, text) } }) }

    /// Gives a file a further name.
    public func link(_ path: FilePath, to other: FilePath) throws(Errno) {
        _ = try value(path.withPlatformString { from in other.withPlatformString { to in with { incfs_link($0, from, to) } } })
    }

    /// Opens a file so that blocks can be stored in it.
    ///
    /// - Throws: `ENOENT` no file has this identity, `EPERM` the volume may not look at this process.
    public func openToFill(_ id: FileID) throws(Errno) -> FillDescriptor { FillDescriptor(descriptor: try value(with { incfs_open_to_fill($0, id.raw) })) }

    /// The bytes that the file was created with.
    public func metadata(of id: FileID) throws(Errno) -> [UInt8] {
        let descriptor = try value(with { incfs_open_id($0, id.raw) })
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: INCFS_METADATA_LIMIT)
        let capacity = bytes.count
        let count = bytes.withUnsafeMutableBytes { incfs_get_metadata(descriptor, $0.baseAddress, capacity) }
        return Array(bytes.prefix(Int(try value(count))))
    }

    /// Whether every data block of the file is stored.
    public func isComplete(_ id: FileID) throws(Errno) -> Bool { try yes(with { incfs_is_fully_loaded($0, id.raw) }) }

    /// Whether nothing of the mount is incomplete.
    public func isComplete() throws(Errno) -> Bool { try yes(with { incfs_is_everything_fully_loaded($0) }) }

    private func yes(_ result: CInt) throws(Errno) -> Bool {
        if result == -ENODATA { return false }
        return try value(result) >= 0
    }

    /// The files of which blocks are missing.
    public func incompleteFiles() throws(Errno) -> [FileID] {
        final class Found { var files: [FileID] = [] }
        let found = Found()
        let result = with { control in
            incfs_for_each_incomplete_file(control, { id, context in
                Unmanaged<Found>.fromOpaque(context!).takeUnretainedValue().files.append(FileID(id))
                return true
            }, Unmanaged.passUnretained(found).toOpaque())
        }
        _ = try value(result)
        return found.files
    }
}
