import LinuxSystem
import Testing

@testable import KeeperLink

@Suite struct KeeperPacketTests {
    static let identity = MountIdentity(id: 7, mountpoint: "/mnt/é", kind: .fusermount, major: 0, minor: 51)
    static let withCompanion = MountIdentity(id: 8, mountpoint: "/mnt", kind: .privileged, major: 0, minor: 52, hasCompanion: true)
    static let messages: [KeeperMessage] = [
        .mount(MountRequest(mountpoint: "/a b", fsname: "https://x/y,z", readOnly: true, noExec: true, allowOther: true, maxRead: 131072, readAheadKiB: 512, clones: 32)),
        .mount(MountRequest(mountpoint: "/", fsname: "", subtype: "", readOnly: false, defaultPermissions: true)),
        .unmount(mountID: .max, .lazy), .unmount(mountID: 1, .normal), .unmount(mountID: 1, .alreadyGone),
        .setReadAhead(mountID: 3, kib: 1024), .heartbeat(epoch: 0x0102_0304_0506_0708), .exiting(code: -1),
        .mounted(identity), .restore(identity), .restore(withCompanion), .restoreDone(epoch: 2), .failed(.resourceBusy, "somebody uses it"), .unmounted(mountID: 9), .done,
    ]

    /// As many numbers as the message needs; they are never used as descriptors here.
    static func descriptors(_ message: KeeperMessage) -> [CInt] { Array(repeating: 1, count: message.descriptorRange.lowerBound) }

    @Test(arguments: messages) func everyMessageComesBack(_ message: KeeperMessage) throws {
        let packet = KeeperPacket(id: 42, message, descriptors: Self.descriptors(message))
        #expect(try KeeperPacket(decoding: packet.encoded()[...], descriptors: packet.descriptors) == packet)
    }

    @Test(arguments: messages) func everyTruncationIsRefused(_ message: KeeperMessage) {
        let packet = KeeperPacket(id: 42, message, descriptors: Self.descriptors(message))
        let bytes = packet.encoded()
        for length in 0..<bytes.count {
            #expect(throws: KeeperLinkError.self) { try KeeperPacket(decoding: bytes[..<length], descriptors: packet.descriptors) }
            // Also with a header that agrees with the shorter length.
            guard length >= KeeperPacket.headerSize else { continue }
            var shorter = Array(bytes[..<length])
            var field: [UInt8] = []
            field.append(littleEndian: UInt32(length - KeeperPacket.headerSize))
            shorter.replaceSubrange(16..<20, with: field)
            #expect(throws: KeeperLinkError.self) { try KeeperPacket(decoding: shorter[...], descriptors: packet.descriptors) }
        }
        #expect(throws: KeeperLinkError.self) { try KeeperPacket(decoding: (bytes + [0])[...], descriptors: packet.descriptors) }
    }

    @Test(arguments: messages) func aChangedByteNeverTraps(_ message: KeeperMessage) {
        let packet = KeeperPacket(id: 42, message, descriptors: Self.descriptors(message))
        let bytes = packet.encoded()
        for index in bytes.indices {
            for value: UInt8 in [0, 1, 0x7F, 0x80, 0xFF] {
                var changed = bytes
                changed[index] = value
                if let read = try? KeeperPacket(decoding: changed[...], descriptors: packet.descriptors) {
                    #expect(read.descriptors == packet.descriptors)
                }
            }
        }
    }

    @Test func theBytesOfAHeartbeat() {
        let bytes = KeeperPacket(id: 5, .heartbeat(epoch: 258)).encoded()
        let expected: [UInt8] =
            [0x49, 0x43, 0x4B, 0x4C]  // magic "ICKL"
            + [1, 0]  // version
            + [4, 0]  // kind
            + [5, 0, 0, 0, 0, 0, 0, 0]  // id
            + [8, 0, 0, 0]  // payload length
            + [0, 0, 0, 0]  // descriptors
            + [2, 1, 0, 0, 0, 0, 0, 0]  // epoch
        #expect(bytes == expected)
    }

    @Test func limitsHoldAtThemAndOnePast() throws {
        func mount(clones: UInt16 = 0, path: Int = 10, name: Int = 4) -> [UInt8] {
            let request = MountRequest(
                mountpoint: FilePath("/" + String(repeating: "p", count: path - 1)), fsname: String(repeating: "f", count: name), clones: clones)
            return KeeperPacket(id: 1, .mount(request)).encoded()
        }
        func accepted(_ bytes: [UInt8]) -> Bool { (try? KeeperPacket(decoding: bytes[...], descriptors: [])) != nil }
        #expect(accepted(mount(clones: 32)))
        #expect(!accepted(mount(clones: 33)))
        #expect(accepted(mount(path: 4096)))
        #expect(!accepted(mount(path: 4097)))
        // Longer names are cut by the sender.
        guard case .mount(let cut) = try KeeperPacket(decoding: mount(name: 300)[...], descriptors: []).message else { throw KeeperLinkError.closed }
        #expect(cut.fsname.utf8.count == 255)
    }

    @Test func descriptorsMustBeThoseOfTheMessage() throws {
        func count(_ count: Int) -> Bool {
            let packet = KeeperPacket(id: 1, .mounted(Self.identity), descriptors: Array(repeating: 1, count: count))
            return (try? KeeperPacket(decoding: packet.encoded()[...], descriptors: packet.descriptors)) != nil
        }
        #expect(!count(1))
        #expect(count(2))
        #expect(count(34))
        #expect(!count(35))
        func counts(_ message: KeeperMessage) -> [Int] {
            (0..<40).filter { count in
                let packet = KeeperPacket(id: 1, message, descriptors: Array(repeating: 1, count: count))
                return (try? KeeperPacket(decoding: packet.encoded()[...], descriptors: packet.descriptors)) != nil
            }
        }
        #expect(counts(.restore(Self.withCompanion)) == Array(3...35))
        #expect(counts(.mount(MountRequest(mountpoint: "/", fsname: ""))) == [0, 1])
        #expect(counts(.unmount(mountID: 1, .normal)) == [0])
        // Lost on the way (MSG_CTRUNC), or brought by a message that has none.
        let announced = KeeperPacket(id: 1, .mounted(Self.identity), descriptors: [1, 1]).encoded()
        #expect(throws: KeeperLinkError.self) { try KeeperPacket(decoding: announced[...], descriptors: [1]) }
        let done = KeeperPacket(id: 1, .done, descriptors: [1])
        #expect(throws: KeeperLinkError.self) { try KeeperPacket(decoding: done.encoded()[...], descriptors: [1]) }
    }

    @Test func aRelativeMountPointIsRefused() {
        let bytes = KeeperPacket(id: 1, .mount(MountRequest(mountpoint: "relative", fsname: "x"))).encoded()
        #expect(throws: KeeperLinkError.self) { try KeeperPacket(decoding: bytes[...], descriptors: []) }
    }

    @Test func aMessageLongerThanTheLimitIsRefused() {
        let bytes = [UInt8](repeating: 0, count: KeeperPacket.maximumSize + 1)
        #expect(throws: KeeperLinkError.malformed("longer than 65536 bytes")) { try KeeperPacket(decoding: bytes[...], descriptors: []) }
    }
}
