import Glibc
import Integrity

/// Why bytes are not a package that can be used.
public enum PackageError: Error, Equatable, CustomStringConvertible {
    /// The parts of a package that have a digest of their own.
    public enum Section: String, Sendable { case manifest, tree, pageDigests = "page digests", index }

    /// `needed` bytes are needed from the start of the envelope, `available` were given.
    case truncated(needed: UInt64, available: UInt64)
    /// The magic is missing.
    case notAPackage
    /// A later format than this software reads.
    case unsupportedVersion(UInt32)
    /// Features that this software does not know, as bits.
    case unsupportedFeatures(UInt32)
    /// A value past a limit of `PackageLimits`.
    case limitExceeded(String, value: UInt64, limit: UInt64)
    /// A rule of docs/PACKAGE.md is broken; which one.
    case malformed(String)
    /// A section's bytes are not those that the manifest announces.
    case digestMismatch(Section)
    /// It is a package, but not the one that was asked for.
    case wrongRoot(expected: Digest, found: Digest)

    /// What a program that touches the package sees: `EOPNOTSUPP` for later formats, else `EBADMSG`.
    public var rawErrno: Int32 {
        switch self {
        case .unsupportedVersion, .unsupportedFeatures: EOPNOTSUPP
        default: EBADMSG
        }
    }

    public var description: String {
        switch self {
        case .truncated(let needed, let available): "the package ends after \(available) bytes; \(needed) are needed"
        case .notAPackage: "not a package: the file does not start with INCFSPK; check the address"
        case .unsupportedVersion(let version): "package format \(version) is newer than this software, which reads format \(PackagePrefix.formatVersion): update it"
        case .unsupportedFeatures(let bits): "the package needs features that this software does not have (bits 0x\(String(bits, radix: 16))): update it"
        case .limitExceeded(let what, let value, let limit): "the package is damaged or hostile: \(what) is \(value), the limit is \(limit)"
        case .malformed(let rule): "the package is damaged or hostile: \(rule)"
        case .digestMismatch(let section): "the package's \(section.rawValue) was changed on the way: its digest is wrong; fetch it again"
        case .wrongRoot(let expected, let found): "another package lies there: its root digest is \(found), expected was \(expected)"
        }
    }
}
