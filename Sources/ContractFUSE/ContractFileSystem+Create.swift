import ContractVolume
import Glibc
import LinuxSystem

/// CREATE_FILE and CREATE_MAPPED_FILE.
extension ContractFileSystem {
    /// CREATE_FILE's argument.
    ///
    ///     OFFSET SIZE MEANING
    ///          0   16 file id                     48    8 address of the attribute, or 0
    ///         16    8 size in bytes               56    4 its length
    ///         24    2 mode                        64    8 address of the signature, or 0
    ///         32    8 address of the directory    72    8 its length
    ///         40    8 address of the name
    static let createSize = 88
    /// CREATE_MAPPED_FILE's argument: 0 size, 8 mode, 16 directory, 24 name, 32 source id, 48 source offset.
    static let createMappedSize = 56

    func createFile(_ input: [UInt8], _ caller: Caller) throws(Errno) {
        guard input.count >= Self.createSize else { throw .badAddress }
        let memory = caller.memory
        func word(_ offset: Int) -> UInt64 { input.withUnsafeBytes { UInt64(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: UInt64.self)) } }
        let identity = input.withUnsafeBytes { FileID($0) }
        let size = word(16), mode = UInt32(truncatingIfNeeded: word(24) & 0o7777)
        let name = try self.name(word(40), memory)
        let parent = try parentDirectory(word(32), caller)
        guard !name.isEmpty, name != [UInt8(ascii: ".")], name != Array("..".utf8) else { throw .permissionDenied }
        let parentInode = try SystemCalls.status(of: parent.rawValue).inode
        let key = Array(String(parentInode).utf8) + [0] + name
        try reserve([key, identity.text])
        defer { making.withLock { making in for key in [key, identity.text] { making.remove(key) } } }
        if exists(name, in: parent.rawValue) { throw .fileExists }
        if exists(identity.text, in: directory.incomplete) || exists(identity.text, in: directory.index) { throw .fileExists }

        let length = UInt32(truncatingIfNeeded: word(56))
        var attribute: [UInt8]?
        if word(48) != 0, length != 0 {
            guard length <= UInt32(Geometry.longestAttribute) else { throw .tooBig }
            attribute = try memory.bytes(word(48), count: Int(length))
        }
        var signature: [UInt8]?
        if word(64) != 0 {
            guard word(72) <= UInt64(Geometry.longestSignature) else { throw .badAddress }
            let bytes = try memory.bytes(word(64), count: Int(word(72)))
            guard size > 0, SignatureBlob(bytes) != nil else { throw .invalidArgument }
            signature = bytes
        }
        // Complete before anybody sees it: it has no name yet. Made by the caller, who must be allowed to in `.index`.
        let file = try caller.act { () throws(Errno) in
            try SystemCalls.open(name: [UInt8(ascii: ".")], in: directory.index, flags: BackingDirectory.unnamedFlag | O_RDWR, mode: 0o666)
        }
        let descriptor = file.rawValue
        try mayChange([parent.rawValue, directory.incomplete], caller)
        try SystemCalls.setMode(mode | Self.writeBits, ofDescriptor: descriptor)
        try BackingAttributes.set(BackingAttributes.id, identity.text, ofDescriptor: descriptor, create: true)
        try BackingAttributes.set(BackingAttributes.size, withUnsafeBytes(of: size.littleEndian) { Array($0) }, ofDescriptor: descriptor)
        if let attribute { try BackingAttributes.set(BackingAttributes.metadata, attribute, ofDescriptor: descriptor) }
        try VolumeFile.initialize(descriptor, id: identity, size: size, signature: signature)

        // The name comes last: a file that has one has all. What a death in between leaves, the next mount removes
        // (`BackingDirectory.sweep`).
        if let error = makeReserved(identity, .index, descriptor) { throw error }
        if size > 0, let error = makeReserved(identity, .incomplete, descriptor) {
            _ = removeReserved(identity, in: .index)
            throw error
        }
        if let error = makeName(name, parent.rawValue, parentInode, descriptor) {
            removeEntries(of: identity, descriptor)
            throw error
        }
    }

    func createMappedFile(_ input: [UInt8], _ caller: Caller) throws(Errno) {
        guard input.count >= Self.createMappedSize else { throw .invalidArgument }
        func word(_ offset: Int) -> UInt64 { input.withUnsafeBytes { UInt64(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: UInt64.self)) } }
        let size = word(0), mode = UInt32(truncatingIfNeeded: word(8) & 0o7777), offset = word(48)
        let source = input[32...].withUnsafeBytes { FileID($0) }
        let name = try self.name(word(24), caller.memory)
        guard offset % Geometry.blockSize == 0 else { throw .invalidArgument }
        let found: OwnedDescriptor
        do throws(Errno) { found = try SystemCalls.open(name: source.text, in: directory.index, flags: SystemCalls.pathOnly | O_NOFOLLOW) } catch { throw .invalidArgument }
        guard let bytes = try SystemCalls.extendedAttribute(BackingAttributes.size, ofDescriptor: found.rawValue) else { throw .noData }
        guard let sourceSize = BackingAttributes.size(ofDescriptor: found.rawValue), bytes.count == 8 else { throw .invalidArgument }
        let (end, overflows) = offset.addingReportingOverflow(size)
        guard !overflows, end <= sourceSize else { throw .invalidArgument }
        let parent = try parentDirectory(word(16), caller)
        guard !name.isEmpty, name != [UInt8(ascii: ".")], name != Array("..".utf8) else { throw .permissionDenied }
        let parentInode = try SystemCalls.status(of: parent.rawValue).inode
        let key = Array(String(parentInode).utf8) + [0] + name
        try reserve([key])
        defer { making.withLock { _ = $0.remove(key) } }
        if exists(name, in: parent.rawValue) { throw .fileExists }
        let file = try caller.act { () throws(Errno) in
            try SystemCalls.open(name: [UInt8(ascii: ".")], in: parent.rawValue, flags: BackingDirectory.unnamedFlag | O_RDWR, mode: 0o666)
        }
        try SystemCalls.setMode(mode | Self.writeBits, ofDescriptor: file.rawValue)
        try BackingAttributes.set(BackingAttributes.size, withUnsafeBytes(of: size.littleEndian) { Array($0) }, ofDescriptor: file.rawValue)
        try VolumeFile.initializeMapped(file.rawValue, source: source, offset: offset, size: size)
        if let error = makeName(name, parent.rawValue, parentInode, file.rawValue) { throw error }
    }

    // MARK: Where to

    private func name(_ address: UInt64, _ memory: CallerMemory) throws(Errno) -> [UInt8] {
        guard let name = try memory.string(address) else { throw .invalidArgument }
        guard name.count <= Geometry.longestName else { throw .fileNameTooLong }
        guard !SpecialName.files.contains(name), !name.contains(UInt8(ascii: "/")) else { throw .invalidArgument }
        return name
    }

    private func parentDirectory(_ address: UInt64, _ caller: Caller) throws(Errno) -> OwnedDescriptor {
        var path: [UInt8]?
        if address != 0 {
            guard let found = try caller.memory.string(address) else { throw .fileNameTooLong }
            path = found
        }
        let parent = try caller.act { () throws(Errno) in try directory.directory(path) }
        let status = try SystemCalls.status(of: parent.rawValue)
        guard status.inode != directory.indexInode, status.inode != directory.incompleteInode else { throw .resourceBusy }
        return parent
    }

    /// What is being made already is as good as there.
    private func reserve(_ keys: [[UInt8]]) throws(Errno) {
        let isFree = making.withLock { making -> Bool in
            guard keys.allSatisfy({ !making.contains($0) }) else { return false }
            for key in keys { making.insert(key) }
            return true
        }
        if !isFree { throw .fileExists }
    }

    /// The caller himself must be allowed to make names there: whoever may make a file that has none, may.
    private func mayChange(_ directories: [CInt], _ caller: Caller) throws(Errno) {
        if caller.uid == 0 { return }
        for directory in directories {
            try caller.act { () throws(Errno) in
                _ = try SystemCalls.open(name: [UInt8(ascii: ".")], in: directory, flags: BackingDirectory.unnamedFlag | O_WRONLY, mode: 0o600)
            }
        }
    }

    // MARK: Names, seen by who watches

    private func makeReserved(_ identity: FileID, _ which: EventHelpers.Reserved, _ descriptor: CInt) -> Errno? {
        let (parent, inode) = which == .index ? (directory.index, directory.indexInode) : (directory.incomplete, directory.incompleteInode)
        return helpers.make(identity.text, in: which, parent: inode) {
            do throws(Errno) { try SystemCalls.link(descriptor, as: identity.text, in: parent); return nil } catch { return error }
        }
    }

    private func makeName(_ name: [UInt8], _ parent: CInt, _ inode: UInt64, _ descriptor: CInt) -> Errno? {
        helpers.make(name, at: directory.relativePath(of: parent), parent: inode) {
            do throws(Errno) { try SystemCalls.link(descriptor, as: name, in: parent); return nil } catch { return error }
        }
    }
}
