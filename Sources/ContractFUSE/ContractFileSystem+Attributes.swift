import ContractVolume
import FUSEProtocol
import FUSESession
import Glibc
import LinuxSystem

/// Extended attributes, and SETATTR.
extension ContractFileSystem {
    /// What special files have.
    static let label = "security.selinux"
    static let longestLabel = 512
    private static let trusted = Array("trusted.".utf8)

    /// nil for a name that is no UTF-8, which no file here has: two of them would be taken for one.
    static func attributeName(_ bytes: UnsafeRawBufferPointer) -> String? { String(validating: bytes, as: UTF8.self) }

    func getxattr(_ node: Node, _ name: UnsafeRawBufferPointer, _ size: UInt32, _ reply: consuming FUSEReply) {
        guard let name = Self.attributeName(name) else { return reply.error(.noData) }
        let value: [UInt8]
        if case .special = node.kind {
            guard name == Self.label, let label = node.label.withLock({ $0 }) else { return reply.error(.noData) }
            if size != 0, label.count > Int(size) { return reply.error(.tooBig) }
            value = label
        } else {
            do throws(Errno) {
                guard let found = try SystemCalls.extendedAttribute(name, ofDescriptor: node.descriptor) else { return reply.error(.noData) }
                value = found
            } catch { return reply.error(error) }
        }
        answer(value, size, reply)
    }

    func listxattr(_ node: Node, _ size: UInt32, uid: UInt32, _ reply: consuming FUSEReply) {
        if case .special = node.kind { return reply.error(.noData) }
        do throws(Errno) {
            var names = try SystemCalls.extendedAttributeNames(ofDescriptor: node.descriptor)
            // Which the file system below shows to root alone (xattr(7)): the daemon may be root, the caller not.
            if uid != 0 { names = names.split(separator: 0).filter { !$0.starts(with: Self.trusted) }.flatMap { $0 + [0] } }
            answer(names, size, reply)
        } catch { reply.error(error) }
    }

    private func answer(_ value: [UInt8], _ size: UInt32, _ reply: consuming FUSEReply) {
        if size == 0 { return reply.xattrSize(UInt32(value.count)) }
        guard value.count <= Int(size) else { return reply.error(.outOfRange) }
        let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: value.count, alignment: 1)
        defer { bytes.deallocate() }
        bytes.copyBytes(from: value)
        reply.data(UnsafeRawBufferPointer(bytes))
    }

    /// Names of an attribute that a caller may not touch: the file would not be what it is.
    func setxattr(_ node: Node, _ name: String, _ value: [UInt8], _ flags: UInt32, _ caller: Caller) throws(Errno) {
        if case .special = node.kind {
            guard name == Self.label else { throw .noData }
            guard value.count <= Self.longestLabel else { throw .tooBig }
            node.label.withLock { $0 = value }
            return
        }
        guard !BackingAttributes.kept.contains(name) else { throw .notPermitted }
        try caller.act { () throws(Errno) in
            var failure: Errno?
            value.withUnsafeBytes { raw in
                do throws(Errno) { try SystemCalls.setExtendedAttribute(name, raw, ofDescriptor: node.descriptor, flags: CInt(bitPattern: flags)) } catch { failure = error }
            }
            if let failure { throw failure }
        }
    }

    func removexattr(_ node: Node, _ name: String, _ caller: Caller) throws(Errno) {
        if case .special = node.kind { throw .noData }
        guard !BackingAttributes.kept.contains(name) else { throw .notPermitted }
        try caller.act { () throws(Errno) in try SystemCalls.removeExtendedAttribute(name, ofDescriptor: node.descriptor) }
    }

    /// The kernel has checked who may do it.
    func setattr(_ node: Node, _ change: FUSESetattr) throws(Errno) {
        if case .special = node.kind { throw .invalidArgument }
        if change.size != nil { throw .invalidArgument }
        if let mode = change.mode {
            if node.kind == .regular {
                guard mode & Self.writeBits == 0 else { throw .invalidArgument }
                try SystemCalls.setMode(mode & 0o7777 | Self.writeBits, ofDescriptor: node.descriptor)
            } else {
                try SystemCalls.setMode(mode & 0o7777, ofDescriptor: node.descriptor)
            }
        }
        if change.uid != nil || change.gid != nil { try SystemCalls.setOwner(change.uid ?? .max, change.gid ?? .max, ofDescriptor: node.descriptor) }
        func time(_ time: FUSESetattr.Time?) -> (Int64, UInt32)?? {
            switch time {
            case nil: .none
            case .now: .some(nil)
            case .at(let seconds, let nanoseconds): .some((seconds, nanoseconds))
            }
        }
        if change.accessed != nil || change.modified != nil {
            try SystemCalls.setTimes(accessed: time(change.accessed), modified: time(change.modified), ofDescriptor: node.descriptor)
        }
    }
}
