import LinuxSystem

// Payloads, little-endian, without padding:
//
//     mount         u16 flags (1 read-only, 2 allow other, 4 default permissions, 8 no exec), u16 clones, u32 max read, u32 readahead KiB,
//                   u16 length and bytes of fsname, the same of subtype, the same of the mount point
//     unmount       u64 mount id, u32 mode
//     setReadAhead  u64 mount id, u32 KiB
//     heartbeat, restoreDone   u64 epoch
//     exiting       i32 code
//     mounted, restore         u64 mount id, u16 kind, u16 flags (1 companion), u32 major, u32 minor, u16 length and bytes of the mount point
//     failed        i32 errno, u16 length and bytes of the sentence
//     unmounted     u64 mount id
//     done          nothing
extension KeeperMessage {
    func encodedPayload() -> [UInt8] {
        var bytes: [UInt8] = []
        switch self {
        case .mount(let request):
            let flags: UInt16 = (request.readOnly ? 1 : 0) | (request.allowOther ? 2 : 0) | (request.defaultPermissions ? 4 : 0) | (request.noExec ? 8 : 0)
            bytes.append(littleEndian: flags)
            bytes.append(littleEndian: request.clones)
            bytes.append(littleEndian: request.maxRead)
            bytes.append(littleEndian: request.readAheadKiB)
            bytes.append(counted: Array(request.fsname.utf8.prefix(MountRequest.maximumName)))
            bytes.append(counted: Array(request.subtype.utf8.prefix(MountRequest.maximumName)))
            bytes.append(counted: request.mountpoint.rawBytes)
        case .unmount(let id, let mode):
            bytes.append(littleEndian: id)
            bytes.append(littleEndian: mode.rawValue)
        case .setReadAhead(let id, let kib):
            bytes.append(littleEndian: id)
            bytes.append(littleEndian: kib)
        case .heartbeat(let epoch), .restoreDone(let epoch):
            bytes.append(littleEndian: epoch)
        case .exiting(let code):
            bytes.append(littleEndian: code)
        case .mounted(let mount), .restore(let mount):
            bytes.append(littleEndian: mount.id)
            bytes.append(littleEndian: mount.kind.rawValue)
            bytes.append(littleEndian: UInt16(mount.hasCompanion ? 1 : 0))
            bytes.append(littleEndian: mount.major)
            bytes.append(littleEndian: mount.minor)
            bytes.append(counted: mount.mountpoint.rawBytes)
        case .failed(let errno, let sentence):
            bytes.append(littleEndian: errno.rawValue)
            bytes.append(counted: Array(sentence.utf8.prefix(Self.maximumSentence)))
        case .unmounted(let id):
            bytes.append(littleEndian: id)
        case .done: break
        }
        return bytes
    }

    init(kind: UInt16, payload: inout ByteCursor) throws(KeeperLinkError) {
        switch kind {
        case 1: self = .mount(try Self.mountRequest(&payload))
        case 2:
            let id = try payload.integer(UInt64.self)
            guard let mode = UnmountMode(rawValue: try payload.integer()) else { throw .malformed("unknown unmount mode") }
            self = .unmount(mountID: id, mode)
        case 3: self = .setReadAhead(mountID: try payload.integer(), kib: try payload.integer())
        case 4: self = .heartbeat(epoch: try payload.integer())
        case 5: self = .exiting(code: try payload.integer())
        case 0x81: self = .mounted(try Self.identity(&payload))
        case 0x82: self = .restore(try Self.identity(&payload))
        case 0x83: self = .restoreDone(epoch: try payload.integer())
        case 0x84:
            let errno = Errno(rawValue: try payload.integer())
            self = .failed(errno, String(decoding: try payload.counted(limit: Self.maximumSentence), as: UTF8.self))
        case 0x85: self = .unmounted(mountID: try payload.integer())
        case 0x86: self = .done
        default: throw .malformed("unknown kind \(kind)")
        }
    }

    private static func mountRequest(_ payload: inout ByteCursor) throws(KeeperLinkError) -> MountRequest {
        let flags = try payload.integer(UInt16.self)
        guard flags & ~15 == 0 else { throw .malformed("unknown mount flags") }
        let clones = try payload.integer(UInt16.self)
        guard clones <= MountRequest.maximumClones else { throw .malformed("\(clones) clones") }
        let maxRead = try payload.integer(UInt32.self)
        let readAhead = try payload.integer(UInt32.self)
        let fsname = String(decoding: try payload.counted(limit: MountRequest.maximumName), as: UTF8.self)
        let subtype = String(decoding: try payload.counted(limit: MountRequest.maximumName), as: UTF8.self)
        return MountRequest(
            mountpoint: try path(&payload), fsname: fsname, subtype: subtype, readOnly: flags & 1 != 0, noExec: flags & 8 != 0, allowOther: flags & 2 != 0,
            defaultPermissions: flags & 4 != 0, maxRead: maxRead, readAheadKiB: readAhead, clones: clones)
    }

    private static func identity(_ payload: inout ByteCursor) throws(KeeperLinkError) -> MountIdentity {
        let id = try payload.integer(UInt64.self)
        guard let kind = MountKind(rawValue: try payload.integer()) else { throw .malformed("unknown kind of mount") }
        let flags = try payload.integer(UInt16.self)
        guard flags & ~1 == 0 else { throw .malformed("unknown flags of a mount") }
        let major = try payload.integer(UInt32.self), minor = try payload.integer(UInt32.self)
        return MountIdentity(id: id, mountpoint: try path(&payload), kind: kind, major: major, minor: minor, hasCompanion: flags == 1)
    }

    private static func path(_ payload: inout ByteCursor) throws(KeeperLinkError) -> FilePath {
        let bytes = try payload.counted(limit: MountRequest.maximumPath)
        guard bytes.first == UInt8(ascii: "/"), !bytes.contains(0) else { throw .malformed("the mount point is not an absolute path") }
        return FilePath(rawBytes: bytes)
    }
}

extension ByteCursor {
    mutating func counted(limit: Int) throws(KeeperLinkError) -> ArraySlice<UInt8> {
        let count = Int(try integer(UInt16.self))
        guard count <= limit else { throw .malformed("\(count) bytes where \(limit) are allowed") }
        return try take(count)
    }
}

extension [UInt8] {
    mutating func append(counted bytes: [UInt8]) {
        append(littleEndian: UInt16(bytes.count))
        append(contentsOf: bytes)
    }
}

extension FilePath {
    /// The path's bytes without the terminating NUL.
    var rawBytes: [UInt8] { withPlatformString { p in Array(UnsafeRawBufferPointer(start: p, count: length)) } }

    /// A path of these bytes, which hold no NUL.
    init(rawBytes: ArraySlice<UInt8>) {
        let terminated = rawBytes.map { CChar(bitPattern: $0) } + [0]
        self = terminated.withUnsafeBufferPointer { FilePath(platformString: $0.baseAddress!) }
    }
}
