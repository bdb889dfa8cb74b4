import ContractVolume
import FUSEProtocol
import FUSESession
import Glibc
import LinuxSystem

/// Changes of the tree that programs make with ordinary system calls.
extension ContractFileSystem {
    func change(_ node: Node, _ modification: FUSEModification, _ header: FUSERequestHeader, _ reply: consuming FUSEReply) {
        let change: FUSEChange
        do throws(FUSEParseError) { change = try modification.change() } catch { return reply.error(.ioError) }
        let caller = caller(header)
        switch change {
        case .mknod(let name, _, _, _): mknod(node, Array(name), header, reply)
        case .create: reply.error(.permissionDenied)
        case .symlink: reply.error(.notPermitted)
        case .write: reply.error(.invalidArgument)
        case .fallocate, .other: reply.error(.notSupportedOnSocket)
        case .mkdir(let name, let mode, let umask):
            let name = Array(name)
            run(header, reply) { operation throws(Errno) in try self.mkdir(node, name, (mode | Self.writeBits) & ~umask, caller, operation) }
        case .unlink(let name):
            let name = Array(name)
            if let expected = helpers.expectation(thread: header.pid) { return removeExpected(node, name, expected, reply) }
            run(header, reply) { operation throws(Errno) in
                try self.unlink(node, name, caller)
                operation.reply.ok()
            }
        case .rmdir(let name):
            let name = Array(name)
            run(header, reply) { operation throws(Errno) in
                try self.rmdir(node, name, caller)
                operation.reply.ok()
            }
        case .rename(let name, let to, let toName, let flags):
            let (name, toName) = (Array(name), Array(toName))
            guard let target = nodes.node(to) else { return reply.error(.staleNFSFileHandle) }
            run(header, reply) { operation throws(Errno) in
                try self.rename(node, name, target, toName, flags, caller)
                operation.reply.ok()
            }
        case .link(let source, let name):
            let name = Array(name)
            guard let source = nodes.node(source) else { return reply.error(.staleNFSFileHandle) }
            run(header, reply) { operation throws(Errno) in try self.link(source, node, name, caller, operation) }
        case .setattr(let change):
            run(header, reply) { operation throws(Errno) in
                try self.setattr(node, change)
                operation.reply.attributes(try self.attributes(node), validSeconds: 0)
            }
        case .setxattr(let name, let value, let flags):
            let (name, value) = (Self.attributeName(name), Array(value))
            run(header, reply) { operation throws(Errno) in
                guard let name else { throw .notSupportedOnSocket }
                try self.setxattr(node, name, value, flags, caller)
                operation.reply.ok()
            }
        case .removexattr(let name):
            let name = Self.attributeName(name)
            run(header, reply) { operation throws(Errno) in
                guard let name else { throw .noData }
                try self.removexattr(node, name, caller)
                operation.reply.ok()
            }
        }
    }

    /// On a thread for names; `body` answers, or throws what is answered.
    private func run(_ header: FUSERequestHeader, _ reply: consuming FUSEReply, _ body: @escaping @Sendable (Operation) throws(Errno) -> Void) {
        let operation = operations.begin(reply.park(), thread: header.pid)
        nameThreads.run {
            defer { self.operations.end(operation) }
            do throws(Errno) { try body(operation) } catch { operation.reply.error(error) }
        }
    }

    // MARK: Helpers

    /// Only our own helpers make nodes.
    private func mknod(_ parent: Node, _ name: [UInt8], _ header: FUSERequestHeader, _ reply: consuming FUSEReply) {
        guard let expected = helpers.expectation(thread: header.pid), case .make(let make) = expected.act else { return reply.error(.notPermitted) }
        guard expected.parent == parent.key.inode, expected.name == name else { return reply.error(.staleNFSFileHandle) }
        if let error = make() { return reply.error(error) }
        do throws(Errno) {
            let node = try find(parent, name, uid: header.uid, gid: header.gid)
            let found = try entry(node)
            reply.entry(found)
        } catch { reply.error(error) }
    }

    private func removeExpected(_ parent: Node, _ name: [UInt8], _ expected: Expectation, _ reply: consuming FUSEReply) {
        guard case .remove = expected.act, expected.parent == parent.key.inode, expected.name == name else { return reply.error(.staleNFSFileHandle) }
        do throws(Errno) {
            try SystemCalls.remove(name, in: parent.descriptor)
            reply.ok()
        } catch { reply.error(error) }
    }

    /// Removes a file's entry in `.index` or `.incomplete`, seen by who watches there. What is not there is no error.
    func removeReserved(_ identity: FileID, in which: EventHelpers.Reserved) -> Errno? {
        let (descriptor, inode) = which == .index ? (directory.index, directory.indexInode) : (directory.incomplete, directory.incompleteInode)
        let name = identity.text
        guard exists(name, in: descriptor) else { return nil }
        return helpers.remove(name, in: which, parent: inode) {
            do throws(Errno) { try SystemCalls.remove(name, in: descriptor); return nil } catch { return error }
        }
    }

    func exists(_ name: [UInt8], in descriptor: CInt) -> Bool { (try? SystemCalls.status(name: name, in: descriptor)) != nil }

    // MARK: Programs

    private func isSpecial(_ name: [UInt8], in parent: Node) -> Bool { parent.kind == .root && SpecialName.files.contains(name) }
    private func isReserved(_ name: [UInt8], in parent: Node) -> Bool { parent.kind == .root && (name == SpecialName.index || name == SpecialName.incomplete) }

    private func mkdir(_ parent: Node, _ name: [UInt8], _ mode: UInt32, _ caller: Caller, _ operation: Operation) throws(Errno) {
        if parent.isReserved { throw .resourceBusy }
        if isSpecial(name, in: parent) { throw .fileExists }
        try caller.act { () throws(Errno) in try SystemCalls.makeDirectory(name, in: parent.descriptor, mode: mode & 0o7777) }
        operation.reply.entry(try entry(try find(parent, name, uid: caller.uid, gid: caller.gid)))
    }

    private func rmdir(_ parent: Node, _ name: [UInt8], _ caller: Caller) throws(Errno) {
        if parent.isReserved || isReserved(name, in: parent) { throw .resourceBusy }
        try caller.act { () throws(Errno) in try SystemCalls.remove(name, in: parent.descriptor, directory: true) }
    }

    /// Removes a name; with the last one of those that users see go the entries in `.index` and `.incomplete`.
    private func unlink(_ parent: Node, _ name: [UInt8], _ caller: Caller) throws(Errno) {
        if parent.isReserved { throw .resourceBusy }
        if isSpecial(name, in: parent) { throw .badFileDescriptor }
        let file = try SystemCalls.open(name: name, in: parent.descriptor, flags: SystemCalls.pathOnly | O_NOFOLLOW)
        let (descriptor, parentDescriptor) = (file.rawValue, parent.descriptor)
        let outcome = structure.withLock { _ in
            withoutName(descriptor) { () throws(Errno) in try caller.act { () throws(Errno) in try SystemCalls.remove(name, in: parentDescriptor) } }
        }
        if let identity = try outcome.get() { removeEntries(of: identity, descriptor) }
    }

    /// Does what takes a name from a file, which `descriptor` has open (-1: none). The identity of that file when it was the last one of those that users see:
    /// then its entries go, and until they have gone it is marked (`BackingDirectory.sweep`). The caller holds `structure`.
    private func withoutName(_ descriptor: CInt, _ body: () throws(Errno) -> Void) -> Result<FileID?, Errno> {
        let isLast = descriptor >= 0 && visibleNames(descriptor).count == 1
        // Where it cannot be marked, a death leaves the entries.
        if isLast { try? BackingAttributes.markUnlinked(descriptor) }
        do throws(Errno) { try body() } catch {
            if isLast { unmark(descriptor) }
            return .failure(error)
        }
        guard descriptor >= 0 else { return .success(nil) }
        let left = visibleNames(descriptor)
        if left.count <= 0 { return .success(left.identity) }
        // A rename over another name of the same file changes nothing.
        if isLast { unmark(descriptor) }
        return .success(nil)
    }

    private func unmark(_ descriptor: CInt) { try? SystemCalls.removeExtendedAttribute(BackingAttributes.unlinked, ofDescriptor: descriptor) }

    /// How many names a file has beside those in `.index` and `.incomplete`; of one without an identity it does not matter.
    private func visibleNames(_ descriptor: CInt) -> (count: Int, identity: FileID?) {
        guard let status = try? SystemCalls.status(of: descriptor), let identity = BackingAttributes.identity(ofDescriptor: descriptor) else { return (.max, nil) }
        var names = Int(status.linkCount)
        if names > 3 { return (names, identity) }
        for reserved in [directory.index, directory.incomplete] {
            if let entry = try? SystemCalls.status(name: identity.text, in: reserved), entry.inode == status.inode { names -= 1 }
        }
        return (names, identity)
    }

    /// Takes away the entries of a file that is still open, which then is as any other without a name. Where nobody can be told any more they go all the same.
    func removeEntries(of identity: FileID, _ descriptor: CInt) {
        var areGone = true
        for (which, special) in [(EventHelpers.Reserved.index, directory.index), (.incomplete, directory.incomplete)] where removeReserved(identity, in: which) != nil {
            do throws(Errno) { try SystemCalls.remove(identity.text, in: special) } catch { areGone = areGone && error == .noSuchFileOrDirectory }
        }
        if areGone { unmark(descriptor) }
    }

    private func rename(_ parent: Node, _ name: [UInt8], _ target: Node, _ toName: [UInt8], _ flags: UInt32, _ caller: Caller) throws(Errno) {
        // RENAME_WHITEOUT would leave a device behind.
        if flags & 4 != 0 { throw .invalidArgument }
        for (directory, name) in [(parent, name), (target, toName)] {
            if directory.isReserved || isReserved(name, in: directory) || isSpecial(name, in: directory) { throw .resourceBusy }
        }
        // What is replaced may have had its last name there; RENAME_NOREPLACE and RENAME_EXCHANGE replace nothing.
        let replaced = flags & 3 != 0 ? -1 : (try? SystemCalls.open(name: toName, in: target.descriptor, flags: SystemCalls.pathOnly | O_NOFOLLOW))?.take() ?? -1
        defer { if replaced >= 0 { SystemCalls.close(replaced) } }
        let outcome = structure.withLock { _ in
            withoutName(replaced) { () throws(Errno) in
                try caller.act { () throws(Errno) in try SystemCalls.rename(name, in: parent.descriptor, to: toName, in: target.descriptor, flags: flags) }
            }
        }
        if let identity = try outcome.get() { removeEntries(of: identity, replaced) }
    }

    private func link(_ source: Node, _ parent: Node, _ name: [UInt8], _ caller: Caller, _ operation: Operation) throws(Errno) {
        if parent.isReserved { throw .resourceBusy }
        if case .special = source.kind { throw .notPermitted }
        if isSpecial(name, in: parent) { throw .fileExists }
        let failure = structure.withLock { _ -> Errno? in
            do throws(Errno) {
                try caller.act { () throws(Errno) in try SystemCalls.link(source.descriptor, as: name, in: parent.descriptor) }
                return nil
            } catch { return error }
        }
        if let failure { throw failure }
        operation.reply.entry(try entry(try find(parent, name, uid: caller.uid, gid: caller.gid)))
    }
}
