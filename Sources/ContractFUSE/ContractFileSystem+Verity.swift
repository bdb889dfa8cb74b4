import ContractVolume
import LinuxSystem

/// The fs-verity calls.
extension ContractFileSystem {
    /// `struct fsverity_enable_arg`: 0 version, 4 algorithm, 8 block size, 12 salt size, 24 signature size, 32 address of the
    /// signature; the rest reserved. Newer kernels put salt and signature behind it.
    static let enableSize = 128

    func enableVerity(_ node: Node, _ opened: OpenedFile, _ input: [UInt8], _ caller: Caller) throws(Errno) -> (Int32, [UInt8]) {
        guard input.count >= Self.enableSize else { throw .badAddress }
        func word(_ offset: Int) -> UInt32 { input.withUnsafeBytes { UInt32(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: UInt32.self)) } }
        guard word(0) == 1, word(4) == 1, word(8) == UInt32(Geometry.blockSize), word(12) == 0, word(28) == 0, input[40..<Self.enableSize].allSatisfy({ $0 == 0 }) else {
            throw .invalidArgument
        }
        let size = Int(word(24))
        guard size <= VolumeFile.longestVeritySignature else { throw .messageSize }
        var signature: [UInt8] = []
        if size > 0 {
            let address = input.withUnsafeBytes { UInt64(littleEndian: $0.loadUnaligned(fromByteOffset: 32, as: UInt64.self)) }
            signature = input.count >= Self.enableSize + size ? Array(input[Self.enableSize..<Self.enableSize + size]) : try caller.memory.bytes(address, count: size)
        }
        if node.isVerity() { throw .fileExists }
        let file = opened.file
        guard file.size > 0, !opened.isMapped else { throw .invalidArgument }
        // Nothing is written before the signature is found good.
        var built: VolumeFile.BuiltTree?
        switch file.buildTree() {
        case .built(let tree): built = tree
        case .known: break
        case .failed(let error, let block):
            let now = MonotonicTime.now
            reading.state.update { $0.fail(file.key(of: block), uid: caller.uid, error, now: now) }
            throw error
        }
        guard let digest = built.map({ file.verityDigest(with: $0) }) ?? file.verityDigest() else { throw .invalidArgument }
        if !signature.isEmpty { try trust.check(signature, of: digest) }
        try file.seal(built, signature: signature)
        node.facts.withLock { $0.isVerity = true }
        // The file's other node, of `.index`, asks again.
        return (0, [])
    }

    /// A sealed file's signature is looked at again when it is opened. One that has lost its tree, and so what it was sealed with, is not opened (EBADMSG).
    func checkBuiltInSignature(_ file: VolumeFile) throws(Errno) {
        guard let digest = file.verityDigest() else {
            if file.size > 0 { throw .badMessage }
            return
        }
        if let signature = try file.builtInSignature() { try trust.check(signature, of: digest) }
    }

    /// `struct fsverity_digest`: 0 algorithm, 2 size (the caller's room), 4 digest.
    func measureVerity(_ node: Node, _ opened: OpenedFile, _ input: [UInt8], _ outSize: UInt32, _ address: UInt64, _ caller: Caller) throws(Errno) -> (Int32, [UInt8]) {
        guard input.count >= 4 else { throw .badAddress }
        guard node.isVerity(), let digest = opened.file.verityDigest() else { throw .noData }
        guard input.withUnsafeBytes({ UInt16(littleEndian: $0.loadUnaligned(fromByteOffset: 2, as: UInt16.self)) }) >= 32 else { throw .overflow }
        let head: [UInt8] = [1, 0, 32, 0]
        // Newer kernels copy all of it; older ones only what the number of the call says.
        if outSize >= 36 { return (0, head + digest) }
        try caller.memory.write(digest, to: address &+ 4)
        return (0, head)
    }

    /// `struct fsverity_read_metadata_arg`: 0 type, 8 offset, 16 length, 24 address, 32 reserved.
    func readVerityMetadata(_ opened: OpenedFile, _ input: [UInt8], _ caller: Caller) throws(Errno) -> (Int32, [UInt8]) {
        guard input.count >= 40 else { throw .badAddress }
        func word(_ offset: Int) -> UInt64 { input.withUnsafeBytes { UInt64(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: UInt64.self)) } }
        let (kind, offset, address) = (word(0), word(8), word(24))
        guard word(32) == 0, !offset.addingReportingOverflow(word(16)).overflow else { throw .invalidArgument }
        // What an int can say.
        let length = min(word(16), UInt64(Int32.max))
        let file = opened.file
        var written = 0
        func put(_ bytes: [UInt8]) throws(Errno) {
            try caller.memory.write(bytes, to: address + UInt64(written))
            written += bytes.count
        }
        switch kind {
        case 1:
            guard let size = file.treeSize else { throw .noData }
            guard offset <= size else { throw .outOfRange }
            let end = min(size, offset + length)
            while offset + UInt64(written) < end {
                let bytes = try file.treeBytes(at: offset + UInt64(written), count: Int(min(end - offset - UInt64(written), UInt64(CallerMemory.slice))))
                if bytes.isEmpty { throw .ioError }
                try put(bytes)
            }
        case 2:
            guard let descriptor = file.verityDescriptor() else { throw .noData }
            try put(Array(descriptor.prefix(Int(length))))
        case 3:
            guard let signature = try file.builtInSignature() else { throw .noData }
            try put(Array(signature.prefix(Int(length))))
        default: throw .invalidArgument
        }
        return (Int32(written), [])
    }
}

extension Errno {
    /// EOVERFLOW.
    static var overflow: Errno { Errno(rawValue: 75) }
}
