import ContractVolume
import FUSEProtocol

/// Programs that are in order: every ioctl, every special file, every change of names.
extension SessionTrial {
    static let createFile: UInt32 = 0xC058_671E, readSignature: UInt32 = 0x8010_671F, fillBlocks: UInt32 = 0x8010_6720, permitFill: UInt32 = 0x4004_6721
    static let getFilled: UInt32 = 0x8028_6722, createMapped: UInt32 = 0xC038_6723, blockCount: UInt32 = 0x8010_6724, getTimeouts: UInt32 = 0x8010_6725
    static let setTimeouts: UInt32 = 0x4010_6726, lastError: UInt32 = 0x4030_6727, getFlags: UInt32 = 0x8008_6601, enableVerity: UInt32 = 0x4080_6685
    static let measure: UInt32 = 0xC004_6686, metadata: UInt32 = 0xC028_6687

    /// CREATE_FILE's argument; strings and blobs must be in memory.
    public static func create(_ id: UInt64, size: UInt64, mode: UInt16 = 0o644, directory: UInt64 = 0, name: UInt64, attribute: UInt64 = 0, attributeLength: UInt32 = 0, signature: UInt64 = 0, signatureLength: UInt64 = 0) -> [UInt8] {
        Self.id(id).bytes + bytes(size) + bytes(mode) + [0, 0, 0, 0, 0, 0] + bytes(directory) + bytes(name) + bytes(attribute) + bytes(attributeLength) + bytes(UInt32(0)) + bytes(signature) + bytes(signatureLength)
            + bytes(UInt64(0))
    }

    public static func createMappedArgument(source: UInt64, offset: UInt64, size: UInt64, name: UInt64) -> [UInt8] {
        bytes(size) + bytes(UInt16(0o644)) + [0, 0, 0, 0, 0, 0] + bytes(UInt64(0)) + bytes(name) + Self.id(source).bytes + bytes(offset)
    }

    /// A descriptor of a block of FILL_BLOCKS.
    public static func block(_ index: UInt32, _ length: UInt32, _ data: UInt64, compression: UInt8 = 0, flags: UInt8 = 0) -> [UInt8] {
        bytes(index) + bytes(length) + bytes(data) + [compression, flags] + [UInt8](repeating: 0, count: 14)
    }

    public static func enableArgument(signature: UInt64 = 0, length: UInt32 = 0) -> [UInt8] {
        bytes(UInt32(1)) + bytes(UInt32(1)) + bytes(UInt32(4096)) + bytes(UInt32(0)) + bytes(UInt64(0)) + bytes(length) + bytes(UInt32(0)) + bytes(signature) + [UInt8](repeating: 0, count: 88)
    }

    public func seeds() throws -> [[UInt8]] {
        let at = CallerArena.pointer
        func program(_ body: (inout SessionProgram) -> Void) -> [UInt8] {
            var program = SessionProgram()
            body(&program)
            return program.bytes
        }
        let (name, path, data, array) = (0x100, 0x200, 0x1000, 0x8000)
        let blob = SignatureBlob.minimal(root: Self.zeroRoot)
        let mkdir: [UInt8] = bytes(UInt32(0o755)) + bytes(UInt32(0)) + Array("new\0".utf8)
        func request(_ opcode: FUSEOpcode, _ payload: [UInt8]) -> [UInt8] { bytes(opcode.rawValue) + payload }
        return [
            program {
                $0.memory(name, Array("made\0".utf8))
                $0.memory(path, Array("dir\0".utf8))
                $0.ioctl(Self.pendingReads, Self.createFile, Self.create(9, size: 10_000, directory: at(path), name: at(name), attribute: at(name), attributeLength: 4))
                $0.ioctl(Self.pendingReads, Self.createFile, Self.create(9, size: 1, name: at(name)))
                $0.add(.open, 0, bytes(UInt32(0)) + Array("dir/made".utf8))
                $0.add(.read, 9, bytes(UInt32(4096)) + bytes(UInt32(0)) + bytes(UInt64(0)))
            },
            program {
                $0.memory(name, Array("signed2\0".utf8))
                $0.memory(data, blob)
                $0.ioctl(Self.pendingReads, Self.createFile, Self.create(10, size: 8192, name: at(name), signature: at(data), signatureLength: UInt64(blob.count)))
                $0.ioctl(Self.pendingReads, Self.createMapped, Self.createMappedArgument(source: 1, offset: 8192, size: 5000, name: at(path)))
                $0.memory(path, Array("window\0".utf8))
                $0.ioctl(Self.pendingReads, Self.createMapped, Self.createMappedArgument(source: 1, offset: 8192, size: 5000, name: at(path)))
                $0.ioctl(Self.pendingReads, Self.permitFill, bytes(UInt32(3)))
            },
            program {
                $0.memory(data, BackingTrial.noise(9000, 5))
                $0.memory(array, Self.block(1, 4096, at(data)) + Self.block(3, 4096, at(data + 100)) + Self.block(4, 4096, at(data)) + Self.block(5, 100, at(data)) + Self.block(9, 100, at(data)))
                $0.ioctl(Self.partial, Self.fillBlocks, bytes(UInt64(5)) + bytes(at(array)))
                $0.ioctl(Self.partial, Self.getFilled, bytes(at(0x4000)) + bytes(UInt32(64)) + bytes(UInt32(0)) + bytes(UInt32(0)) + [UInt8](repeating: 0, count: 20))
                $0.ioctl(Self.partial, Self.blockCount, [UInt8](repeating: 0, count: 16))
                $0.add(.read, Self.partial, bytes(UInt32(20_000)) + bytes(UInt32(0)) + bytes(UInt64(0)))
                $0.add(.read, Self.mapped, bytes(UInt32(4096)) + bytes(UInt32(0o40000)) + bytes(UInt64(4096)))
                $0.add(.read, Self.blocksWritten, bytes(UInt32(10)) + bytes(UInt32(0)) + bytes(UInt64(0)))
            },
            program {
                $0.memory(data, Self.zeroHash)
                $0.memory(array, Self.block(1, 4096, at(0x2000)) + Self.block(0, 4096, at(data), flags: 1) + Self.block(1, 4096, at(data), compression: 7, flags: 1))
                $0.ioctl(Self.signed, Self.fillBlocks, bytes(UInt64(3)) + bytes(at(array)))
                $0.ioctl(Self.signed, Self.readSignature, bytes(at(0x4000)) + bytes(UInt32(8096)) + bytes(UInt32(0)))
                $0.ioctl(Self.signed, Self.enableVerity, Self.enableArgument())
                $0.ioctl(Self.signed, Self.getFlags, [UInt8](repeating: 0, count: 8))
                $0.ioctl(Self.signed, Self.measure, [0, 0, 32, 0])
                for kind in 1...3 as ClosedRange<UInt64> { $0.ioctl(Self.signed, Self.metadata, bytes(kind) + bytes(UInt64(0)) + bytes(UInt64(5000)) + bytes(at(0x4000)) + bytes(UInt64(0))) }
            },
            program {
                $0.memory(data, [1, 2, 3, 4])
                $0.ioctl(Self.full, Self.enableVerity, Self.enableArgument(signature: at(data), length: 4))
                $0.ioctl(Self.partial, Self.enableVerity, Self.enableArgument())
                $0.ioctl(Self.full, Self.enableVerity, Self.enableArgument())
                $0.ioctl(Self.full, Self.enableVerity, Self.enableArgument())
                $0.ioctl(Self.mapped, Self.enableVerity, Self.enableArgument())
            },
            program {
                $0.memory(data, [77, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0] + [78, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 1, 0, 0, 0])
                $0.ioctl(Self.pendingReads, Self.setTimeouts, bytes(at(data)) + bytes(UInt32(16)) + bytes(UInt32(0)))
                $0.ioctl(Self.pendingReads, Self.setTimeouts, bytes(at(data)) + bytes(UInt32(32)) + bytes(UInt32(0)))
                $0.ioctl(Self.pendingReads, Self.getTimeouts, bytes(at(0x4000)) + bytes(UInt32(0)) + bytes(UInt32(0)))
                $0.ioctl(Self.pendingReads, Self.getTimeouts, bytes(at(0x4000)) + bytes(UInt32(64)) + bytes(UInt32(0)))
                $0.ioctl(Self.pendingReads, Self.lastError, [UInt8](repeating: 0, count: 48))
            },
            program {
                // Special files: reads of all sizes, places that do not count, polls.
                $0.add(.read, Self.partial, bytes(UInt32(4096)) + bytes(UInt32(0)) + bytes(UInt64(4096)))
                $0.add(.read, Self.partial, bytes(UInt32(4096)) + bytes(UInt32(0)) + bytes(UInt64(0)))
                for file in [Self.pendingReads, Self.log, Self.blocksWritten] {
                    $0.add(.poll, file, bytes(UInt32(1)) + bytes(UInt32(1)))
                    for size in [0, 1, 31, 32, 39, 40, 4096] as [UInt32] { $0.add(.read, file, bytes(size) + bytes(UInt32(0)) + bytes(UInt64(size) * 77)) }
                    $0.add(.poll, file, bytes(UInt32(0)) + bytes(UInt32(0xFFFF)))
                    $0.ioctl(file, Self.blockCount, [UInt8](repeating: 0, count: 16))
                }
            },
            program {
                $0.add(.request, Self.root, request(.mkdir, mkdir))
                $0.add(.request, Self.root, request(.rename2, bytes(UInt64(1)) + bytes(UInt32(1)) + bytes(UInt32(0)) + Array("full\0other\0".utf8)))
                $0.add(.request, Self.root, request(.rename2, bytes(UInt64(1)) + bytes(UInt32(2)) + bytes(UInt32(0)) + Array("other\0partial\0".utf8)))
                $0.add(.request, Self.root, request(.rename, bytes(UInt64(1)) + Array("signed\0partial\0".utf8)))
                $0.add(.request, Self.root, request(.link, bytes(UInt64(5)) + Array("again\0".utf8)))
                $0.add(.request, Self.root, request(.unlink, Array("empty\0".utf8)))
                $0.add(.request, Self.root, request(.unlink, Array("mapped\0".utf8)))
                $0.add(.request, Self.root, request(.rmdir, Array("dir\0".utf8)))
            },
            program {
                $0.add(.request, Self.partial, request(.getattr, [UInt8](repeating: 0, count: 16)))
                $0.add(.request, Self.partial, request(.setattr, bytes(UInt32(1)) + [UInt8](repeating: 0, count: 64) + bytes(UInt32(0o555)) + [UInt8](repeating: 0, count: 16)))
                $0.add(.request, Self.partial, request(.getxattr, bytes(UInt32(64)) + bytes(UInt32(0)) + Array("user.incfs.id\0".utf8)))
                $0.add(.request, Self.partial, request(.listxattr, bytes(UInt32(4096)) + bytes(UInt32(0))))
                $0.add(.request, Self.partial, request(.setxattr, bytes(UInt32(3)) + bytes(UInt32(0)) + Array("user.other\0abc".utf8)))
                $0.add(.request, Self.partial, request(.removexattr, Array("user.incfs.size\0".utf8)))
                $0.add(.request, Self.root, request(.readdir, ContractSession.readPayload(0, 0, 4096)))
                $0.add(.request, Self.root, request(.lookup, Array(".index\0".utf8)))
                $0.add(.caller, 0, bytes(UInt32(1)))
                $0.ioctl(Self.partial, Self.fillBlocks, bytes(UInt64(1)) + bytes(at(array)))
                $0.add(.caller, 0, bytes(UInt32(0)) + bytes(UInt32(12345)))
                $0.add(.request, Self.root, request(.mkdir, mkdir))
            },
        ]
    }
}
