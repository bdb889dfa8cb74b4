/// The bounds that a reader holds a package to before it allocates or decodes anything. A publisher keeps them too.
public enum PackageLimits {
    /// Bytes of manifest.
    public static let manifestLength = 64 * 1024
    /// Bytes of room for a signature.
    public static let signatureLength = 16 * 1024
    /// Bytes in the package's name and in a release's.
    public static let nameLength = 255
    /// Bytes in an in-place package's note.
    public static let noteLength = 1024
    /// Bytes in an in-place package's base path.
    public static let basePathLength = 4095
    /// Bytes in the path of the program that a package is run with (PATH_MAX without the NUL).
    public static let entryLength = 4095
    /// Pack files in a package.
    public static let packCount = 256
    /// Bytes in one component of a path (NAME_MAX, limits.h).
    public static let componentLength = 255
    /// Bytes in a symbolic link's target (PATH_MAX without the NUL).
    public static let linkTargetLength = 4095
    /// Directories between the root and a file.
    public static let depth = 2047
    /// Bytes in a file: what a signed 64-bit offset reaches, less room for arithmetic.
    public static let fileSize: UInt64 = 1 << 62
    /// Bytes in the holes of one file: 64 GiB. Data is paid for with records of the index, a hole is free for who publishes, and
    /// not for who walks over its digests when the complete file is first read (32 bytes for each 4096).
    public static let holeSize: UInt64 = 64 << 30
    /// Bytes of tree, decoded: some four million files.
    public static let treeLength: UInt64 = 512 << 20
    /// Pages of index: 16 GiB of tables, some 30 TB of content in chunks of 128 KiB.
    public static let indexPageCount: UInt64 = 1 << 18
    /// Bytes of content in a chunk: a power of two between these.
    public static let chunkSizes: ClosedRange<UInt32> = 4096...(4 << 20)
}

extension PackageLimits {
    /// - Throws: `PackageError.limitExceeded` for a file with more than `holeSize` bytes in holes.
    public static func checkHoles(size: UInt64, dataBytes: UInt64, of file: String) throws(PackageError) {
        let holes = size - min(size, dataBytes)
        if holes > holeSize { throw .limitExceeded("the number of bytes in holes of \(file)", value: holes, limit: holeSize) }
    }
}
