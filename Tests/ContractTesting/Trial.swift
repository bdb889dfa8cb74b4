import ContractVolume
import Glibc
import LinuxSystem

/// Something that is tried with any bytes at all: by the fuzzer with new ones for a given time, by the tests with those that are kept.
public protocol Trial: AnyObject, SendableMetatype {
    /// Where its kept inputs are: `Fuzz/corpus/NAME`.
    static var name: String { get }
    /// A trial that leaves nothing outside of `scratch`, a directory with user attributes.
    init(scratch: FilePath) throws
    /// Inputs that are in order.
    func seeds() throws -> [[UInt8]]
    /// What is wrong with what came of the bytes; nil is right. A crash is wrong as well.
    func complaint(_ bytes: [UInt8]) throws -> String?
    /// A change of an input that is worth to be tried.
    func mutate(_ input: [UInt8], other: [UInt8], _ mutator: inout Mutator) -> [UInt8]
}

/// Places and small things that trials need.
public enum Scratch {
    /// A new directory, in memory where that keeps user attributes.
    public static func make() throws -> FilePath {
        for parent in ["/dev/shm", "/var/tmp"] {
            var template = Array("\(parent)/incfs-trial-XXXXXX".utf8CString)
            guard mkdtemp(&template) != nil else { continue }
            let path = FilePath(String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self))
            do throws(Errno) {
                let file = try SystemCalls.open(path, flags: BackingDirectory.unnamedFlag | O_RDWR)
                try BackingAttributes.set("user.incfs.trial", [1], ofDescriptor: file.rawValue)
                return path
            } catch {}
            try SystemCalls.removeTree(path)
        }
        throw Errno(rawValue: EOPNOTSUPP)
    }

    public static func write(_ bytes: [UInt8], to path: FilePath) throws {
        let file = try SystemCalls.open(path, flags: O_WRONLY | O_CREAT | O_TRUNC, mode: 0o644)
        try bytes.withUnsafeBytes { try SystemCalls.pwriteAll(file.rawValue, $0, at: 0) }
    }

    /// All that is in a directory: names, kinds, modes, links, attributes, contents. Two that are equal are the same.
    public static func state(of directory: FilePath) throws -> [String: [UInt8]] {
        var found: [String: [UInt8]] = [:]
        func visit(_ path: FilePath, _ name: String) throws {
            let status = try SystemCalls.status(of: path, followSymbolicLinks: false)
            var facts = "\(status.kind) \(status.mode) \(status.linkCount)".utf8.map { $0 }
            if status.kind == .regular {
                let file = try SystemCalls.open(path, flags: O_RDONLY)
                facts += "\(status.inode) \(status.size) ".utf8
                for attribute in ["user.incfs.id", "user.incfs.size", "user.incfs.metadata", "user.incfs.verity"] {
                    facts += (try SystemCalls.extendedAttribute(attribute, ofDescriptor: file.rawValue)).map { $0 + [1] } ?? [0]
                }
                if status.size < 1 << 22 { facts += try SystemCalls.contents(of: path) }
            }
            found[name] = facts
            guard status.kind == .directory else { return }
            for child in try SystemCalls.list(path) { try visit(path.appending(bytes: child), name + "/" + String(decoding: child, as: UTF8.self)) }
        }
        try visit(directory, "")
        return found
    }
}

public func bytes<Number: FixedWidthInteger>(_ value: Number) -> [UInt8] { withUnsafeBytes(of: value.littleEndian) { Array($0) } }

extension Array where Element == UInt8 {
    /// The little-endian number at `offset`, of what is there of it.
    public func number<Number: FixedWidthInteger>(_ offset: Int, _: Number.Type = Number.self) -> Number {
        if offset >= 0, offset <= count - MemoryLayout<Number>.size { return withUnsafeBytes { Number(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: Number.self)) } }
        var value: Number = 0
        for index in 0..<MemoryLayout<Number>.size where offset >= 0 && offset + index < count { value |= Number(truncatingIfNeeded: self[offset + index]) << Number(truncatingIfNeeded: 8 * index) }
        return value
    }
}
