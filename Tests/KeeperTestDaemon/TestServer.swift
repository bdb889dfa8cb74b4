import Glibc
import KeeperLink
import LinuxSystem
import Synchronization

/// A FUSE server of one file, `data`: 8 MiB of little-endian numbers, each its own offset divided by 8.
final class TestServer: Sendable {
    static let size: UInt64 = 8 << 20
    private let mount: KeptMount
    private let holding = Atomic<Bool>(false)
    private let held = Atomic<Int>(0)

    init(_ mount: KeptMount) { self.mount = mount }

    /// From now on READs are taken and not answered: what a daemon leaves behind when it dies at work.
    func holdReads() { holding.store(true, ordering: .relaxed) }
    var heldCount: Int { held.load(ordering: .relaxed) }

    /// One thread per descriptor; `onGone` when the mount has ended.
    func start(resend: Bool, onGone: @escaping @Sendable () -> Void) {
        if resend {
            var notification: [UInt8] = []
            notification.put(UInt32(16))
            notification.put(UInt32(7))  // FUSE_NOTIFY_RESEND
            notification.put(UInt64(0))
            _ = notification.withUnsafeBytes { try? SystemCalls.write(mount.devices[0], $0) }
        }
        for (index, device) in mount.devices.enumerated() {
            Thread(name: "server-\(index)") { [self] in
                run(device)
                if index == 0 { onGone() }
            }.detach()
        }
    }

    private func run(_ device: CInt) {
        let buffer = AlignedBuffer(count: 2 << 20)
        while true {
            let count: Int
            do throws(Errno) { count = try SystemCalls.read(device, into: buffer.bytes) } catch {
                if error == Errno(rawValue: ENODEV) || error == Errno(rawValue: ENOTCONN) { return }
                continue
            }
            handle(UnsafeRawBufferPointer(rebasing: buffer.bytes[..<count]), device)
        }
    }

    private func handle(_ request: UnsafeRawBufferPointer, _ device: CInt) {
        let opcode = request.loadUnaligned(fromByteOffset: 4, as: UInt32.self)
        let unique = request.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
        let node = request.loadUnaligned(fromByteOffset: 16, as: UInt64.self)
        var out: [UInt8] = []
        switch opcode {
        case 26: initReply(&out)
        case 1:
            guard node == 1, request[40...].elementsEqual(Array("data".utf8) + [0]) else { return reply(device, unique, error: ENOENT) }
            for value: UInt64 in [2, 0, 3600, 3600, 0] { out.put(value) }
            attributes(2, &out)
        case 3:
            for value: UInt64 in [3600, 0] { out.put(value) }
            attributes(node, &out)
        case 14, 27:
            out.put(UInt64(0))
            out.put(UInt64(opcode == 14 ? 2 : 0))  // FOPEN_KEEP_CACHE
        case 15:
            if holding.load(ordering: .relaxed) {
                held.add(1, ordering: .relaxed)
                return
            }
            let offset = request.loadUnaligned(fromByteOffset: 48, as: UInt64.self)
            let size = UInt64(request.loadUnaligned(fromByteOffset: 56, as: UInt32.self))
            var position = offset
            while position < min(offset + size, Self.size) {
                out.put(position / 8)
                position += 8
            }
        case 18, 25, 29, 34: break  // RELEASE, FLUSH, RELEASEDIR, ACCESS
        case 2, 42, 36: return  // FORGET, BATCH_FORGET, INTERRUPT
        default: return reply(device, unique, error: ENOSYS)
        }
        reply(device, unique, out)
    }

    private func initReply(_ out: inout [UInt8]) {
        for value: UInt32 in [7, 39, 1 << 20, 1 << 0 | 1 << 18 | 1 << 22 | 1 << 30] { out.put(value) }
        for value: UInt16 in [60000, 60000] { out.put(value) }
        for value: UInt32 in [1 << 20, 1] { out.put(value) }
        for value: UInt16 in [256, 0] { out.put(value) }
        out.put(UInt32(1 << 7))  // FUSE_HAS_RESEND
        out += [UInt8](repeating: 0, count: 28)
    }

    private func attributes(_ node: UInt64, _ out: inout [UInt8]) {
        let isFile = node == 2
        for value: UInt64 in [node, isFile ? Self.size : 0, Self.size / 512, 0, 0, 0] { out.put(value) }
        for value: UInt32 in [0, 0, 0, isFile ? 0o100444 : 0o40555, isFile ? 1 : 2, getuid(), getgid(), 0, 4096, 0] { out.put(value) }
    }

    private func reply(_ device: CInt, _ unique: UInt64, _ payload: [UInt8] = [], error: CInt = 0) {
        var bytes: [UInt8] = []
        bytes.put(UInt32(16 + payload.count))
        bytes.put(UInt32(bitPattern: -error))
        bytes.put(unique)
        bytes += payload
        _ = bytes.withUnsafeBytes { try? SystemCalls.write(device, $0) }
    }
}

extension [UInt8] {
    fileprivate mutating func put<T: FixedWidthInteger>(_ value: T) {
        Swift.withUnsafeBytes(of: value.littleEndian) { append(contentsOf: $0) }
    }
}
