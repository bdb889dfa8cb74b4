/// The fixed start of an envelope: what can be read before anything is known about it.
///
///     OFFSET SIZE MEANING
///          0    8 magic: "INCFSPK" 0x01
///          8    4 format version, 1
///         12    4 required features: a reader that does not know a bit refuses the package
///         16    4 manifest length in bytes, 320 to 65,536
///         20    4 signature room in bytes, 0 to 16,384
///         24  104 reserved, 0
public struct PackagePrefix: Sendable, Equatable {
    /// Bytes in the prefix.
    public static let length = 128
    /// The format that this software writes and reads.
    public static let formatVersion: UInt32 = 1
    /// The required features that this software knows.
    public static let knownFeatures: UInt32 = 0
    static let magic: [UInt8] = Array("INCFSPK".utf8) + [1]

    static let versionOffset = 8, featuresOffset = 12, manifestLengthOffset = 16, signatureLengthOffset = 20, reservedOffset = 24

    /// Bit set of what a reader must know.
    public var requiredFeatures: UInt32
    /// Bytes of manifest, right behind the prefix.
    public var manifestLength: Int
    /// Bytes of room for a signature, right behind the manifest.
    public var signatureLength: Int

    /// Where the sections start; their offsets count from here.
    public var bodyOffset: UInt64 { UInt64(Self.length + manifestLength + signatureLength) }

    init(requiredFeatures: UInt32 = 0, manifestLength: Int, signatureLength: Int) {
        self.requiredFeatures = requiredFeatures
        self.manifestLength = manifestLength
        self.signatureLength = signatureLength
    }

    /// Parses the first 128 bytes of an envelope.
    ///
    /// - Throws: `PackageError`: truncated, no package, a later format, or a length past its limit.
    public init(parsing bytes: UnsafeRawBufferPointer) throws(PackageError) {
        guard bytes.count >= Self.length else {
            for (given, wanted) in zip(bytes, Self.magic) where given != wanted { throw .notAPackage }
            throw .truncated(needed: UInt64(Self.length), available: UInt64(bytes.count))
        }
        var reader = ByteReader(UnsafeRawBufferPointer(rebasing: bytes[..<Self.length]), of: "prefix")
        for (given, wanted) in zip(try reader.take(Self.magic.count), Self.magic) where given != wanted { throw .notAPackage }
        let version: UInt32 = try reader.integer()
        guard version == Self.formatVersion else { throw .unsupportedVersion(version) }
        requiredFeatures = try reader.integer()
        guard requiredFeatures & ~Self.knownFeatures == 0 else { throw .unsupportedFeatures(requiredFeatures & ~Self.knownFeatures) }
        let manifest: UInt32 = try reader.integer()
        guard manifest <= PackageLimits.manifestLength else {
            throw .limitExceeded("manifest length", value: UInt64(manifest), limit: UInt64(PackageLimits.manifestLength))
        }
        guard manifest >= PackageManifest.fixedLength else { throw .malformed("the manifest is shorter than its fixed part") }
        let signature: UInt32 = try reader.integer()
        guard signature <= PackageLimits.signatureLength else {
            throw .limitExceeded("signature room", value: UInt64(signature), limit: UInt64(PackageLimits.signatureLength))
        }
        try reader.reserved(Self.length - Self.reservedOffset)
        manifestLength = Int(manifest)
        signatureLength = Int(signature)
    }

    func encoded() -> [UInt8] {
        var writer = ByteWriter()
        writer.raw(Self.magic)
        writer.integer(Self.formatVersion)
        writer.integer(requiredFeatures)
        writer.integer(UInt32(manifestLength))
        writer.integer(UInt32(signatureLength))
        writer.zeros(Self.length - Self.reservedOffset)
        return writer.bytes
    }
}
