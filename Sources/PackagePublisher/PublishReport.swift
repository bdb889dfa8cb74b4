import Integrity
import LinuxSystem

/// How far a publish has come.
public struct PublishProgress: Sendable, Equatable {
    /// Names found so far while the directory is listed; then all.
    public var entries = 0
    /// Bytes of file content dealt with, holes included.
    public var bytesDone: UInt64 = 0
    /// Bytes of file content in all; 0 while the directory is listed.
    public var bytesTotal: UInt64 = 0
    /// Bytes written to the pack.
    public var storedBytes: UInt64 = 0
}

/// What was published.
public struct PublishSummary: Sendable, Equatable {
    /// The package's root digest: what an address is pinned by.
    public var root: Digest
    /// The envelope that was written.
    public var envelope: FilePath
    /// The packs that were written, beside it.
    public var packs: [FilePath]
    public var files: UInt64
    public var directories: UInt64
    public var symbolicLinks: UInt64
    /// Distinct contents.
    public var objects: Int
    public var chunks: Int
    /// Bytes in all files.
    public var bytes: UInt64
    /// Bytes without holes.
    public var dataBytes: UInt64
    /// Bytes of chunks as clients fetch them.
    public var storedBytes: UInt64
    /// Bytes of the envelope.
    public var envelopeBytes: UInt64
    /// Bytes of tree, as clients fetch it.
    public var treeBytes: UInt64
}
