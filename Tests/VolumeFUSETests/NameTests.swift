import FUSEProtocol
import Glibc
import LinuxSystem
import Testing
import VolumeTesting
@testable import VolumeCore

@Suite struct NameTests {
    private func name(_ text: String) -> [UInt8] { Array(text.utf8) + [0] }
    private static let entrySize = 128
    private static let forever: UInt64 = 0x7FFF_FFFF

    /// `struct fuse_attr` at `offset`.
    private struct Attributes: Equatable {
        var ino: UInt64, size: UInt64, mtime: UInt64, mode: UInt32, nlink: UInt32, uid: UInt32, gid: UInt32
        init(_ bytes: [UInt8], _ offset: Int) {
            ino = bytes.u64(at: offset)
            size = bytes.u64(at: offset + 8)
            mtime = bytes.u64(at: offset + 32)
            mode = bytes.u32(at: offset + 60)
            nlink = bytes.u32(at: offset + 64)
            uid = bytes.u32(at: offset + 68)
            gid = bytes.u32(at: offset + 72)
        }
    }

    @Test func lookup() throws {
        let mount = try Mount()
        let found = try mount.ask(.lookup, name("big"))
        #expect(found.error == 0 && found.payload.u64(at: 0) == mount.node("big"))
        #expect(found.payload.u64(at: 16) == Self.forever && found.payload.u64(at: 24) == Self.forever, "a package never changes")
        let attributes = Attributes(found.payload, 40)
        #expect(attributes.ino == mount.node("big") && attributes.size == (1 << 20) + 1000 && attributes.mode == 0o100644)
        #expect(attributes.nlink == 1 && attributes.uid == 17 && attributes.gid == 18)
        let small = try mount.ask(.lookup, name("small"))
        let again = try mount.ask(.lookup, node: mount.node("dir"), name("again"))
        #expect(small.payload == again.payload && Attributes(again.payload, 40).nlink == 2, "hard links are one node")
        // No such name: remembered for ever.
        let absent = try mount.ask(.lookup, name("nothing"))
        #expect(absent.error == 0 && absent.payload.u64(at: 0) == 0 && absent.payload.u64(at: 16) == Self.forever)
        #expect(try mount.ask(.lookup, node: mount.node("big"), name("x")).error == -ENOTDIR)
    }

    @Test func attributes() throws {
        let mount = try Mount()
        for (path, mode, size) in [("", UInt32(0o040755), UInt64(0)), ("dir", 0o040755, 0), ("sparse", 0o100644, 400_000), ("link", 0o120777, 10)] {
            let reply = try mount.ask(.getattr, node: mount.node(path), u32(0) + u32(0) + u64(0))
            #expect(reply.error == 0 && reply.payload.u64(at: 0) == Self.forever)
            let attributes = Attributes(reply.payload, 16)
            #expect(attributes.mode == mode && attributes.ino == mount.node(path), "\(path)")
            if attributes.mode & 0o170000 != 0o040000 { #expect(attributes.size == size, "\(path)") }
        }
        // du(1) sees the data, not the holes.
        let blocks = try mount.ask(.getattr, node: mount.node("sparse"), u32(0) + u32(0) + u64(0)).payload.u64(at: 16 + 16)
        #expect(blocks == UInt64((65536 + 159_744) / 512))
    }

    @Test(arguments: [200, 4096, 65536]) func directories(size: Int) throws {
        let mount = try Mount()
        let names = try list(mount, "dir", size, plus: false).map(\.name)
        #expect(Set(names) == Set((0..<40).map { "file-\($0)" } + [".", "..", "again"]) && names.count == 43)
        let plus = try list(mount, "dir", size, plus: true)
        #expect(plus.map(\.name) == names)
        for entry in plus {
            if entry.name == "." || entry.name == ".." { #expect(entry.node == 0, "not entered into the kernel's tree") } else {
                let path = "dir/" + entry.name
                #expect(entry.node == mount.node(path))
                #expect(entry.size == (entry.name == "again" ? 6 : UInt64(mount.content(path).count)))
            }
        }
        #expect(plus[0].ino == mount.node("dir") && plus[1].ino == 1)
        #expect(try mount.ask(.readdir, node: mount.node("big"), u64(0) + u64(0) + u32(4096) + u32(0) + u64(0) + u64(0)).error == -ENOTDIR)
    }

    private struct Entry { var name: String; var ino: UInt64; var node: UInt64; var size: UInt64 }

    /// Lists through a buffer of `size` bytes, going on behind the last cookie each time.
    private func list(_ mount: Mount, _ path: String, _ size: Int, plus: Bool) throws -> [Entry] {
        var found: [Entry] = []
        var cookie: UInt64 = 0
        while true {
            let reply = try mount.ask(plus ? .readdirplus : .readdir, node: mount.node(path), u64(0) + u64(cookie) + u32(UInt32(size)) + u32(0) + u64(0) + u64(0))
            #expect(reply.error == 0 && reply.payload.count <= size)
            if reply.payload.isEmpty { return found }
            var place = 0
            while place < reply.payload.count {
                let start = place + (plus ? Self.entrySize : 0)
                let length = Int(reply.payload.u32(at: start + 16))
                let name = String(decoding: reply.payload[(start + 24)..<(start + 24 + length)], as: UTF8.self)
                found.append(Entry(
                    name: name, ino: reply.payload.u64(at: start), node: plus ? reply.payload.u64(at: place) : 0,
                    size: plus ? Attributes(reply.payload, place + 40).size : 0))
                cookie = reply.payload.u64(at: start + 8)
                place = (start + 24 + length + 7) & ~7
            }
        }
    }

    @Test func theRest() throws {
        let mount = try Mount()
        #expect(try mount.ask(.readlink, node: mount.node("link")).payload == Array("dir/file-1".utf8))
        #expect(try mount.ask(.readlink, node: mount.node("big")).error == -EINVAL)
        let statfs = try mount.ask(.statfs)
        #expect(statfs.error == 0 && statfs.payload.count == 80 && statfs.payload.u64(at: 0) == mount.volume.totalBlocks)
        #expect(statfs.payload.u64(at: 8) == 0 && statfs.payload.u64(at: 16) == 0, "nothing is free")
        #expect(statfs.payload.u64(at: 24) == UInt64(mount.volume.tree.nodeCount))
        #expect(try mount.ask(.getxattr, node: mount.node("big"), u32(100) + u32(0) + name("user.x")).error == -ENODATA)
        #expect(try mount.ask(.listxattr, node: mount.node("big"), u32(100) + u32(0)).payload.isEmpty)
        #expect(try mount.ask(.listxattr, node: mount.node("big"), u32(0) + u32(0)).payload == u32(0) + u32(0))
        // Opened once with this answer, the kernel opens without asking, and keeps the cache.
        #expect(try mount.ask(.open, node: mount.node("big"), u32(0) + u32(0)).error == -ENOSYS)
        #expect(try mount.ask(.open, node: mount.node("big"), u32(0x8000) + u32(0x20)).error == -ENOSYS)
        for flags: Int32 in [O_WRONLY, O_RDWR] { #expect(try mount.ask(.open, node: mount.node("big"), u32(UInt32(flags)) + u32(0)).error == -EROFS) }
        for opcode: FUSEOpcode in [.mkdir, .unlink, .rename, .write, .setattr, .create, .symlink, .setxattr, .fallocate] {
            #expect(try mount.ask(opcode, [UInt8](repeating: 0, count: 64)).error == -EROFS, "\(opcode)")
        }
        for node in [0, UInt64(mount.volume.tree.nodeCount) + 1, .max] {
            #expect(try mount.ask(.getattr, node: node, u32(0) + u32(0) + u64(0)).error == -ESTALE)
        }
        try mount.kernel.sendRead(unique: 20, node: 1, offset: 0, size: 4096)
        #expect(try mount.kernel.reply(to: 20).error == -EISDIR)
        #expect(try mount.ask(.poll, node: mount.node("big"), u64(0) + u64(0) + u32(0) + u32(0)).error == -ENOSYS, "never asked again")
    }

    /// Holes are those of the published file: cp and tar write zeros for what is called a hole.
    @Test func aMissingBlockIsData() throws {
        let mount = try Mount()
        func seek(_ path: String, _ offset: UInt64, _ whence: UInt32) throws -> Kernel.Message {
            try mount.ask(.lseek, node: mount.node(path), u64(0) + u64(offset) + u32(whence) + u32(0))
        }
        for path in ["big", "text"] {
            #expect(try seek(path, 4096, 3).payload == u64(4096))
            #expect(try seek(path, 4096, 4).payload == u64(UInt64(mount.content(path).count)))
        }
        #expect(try seek("sparse", 0, 3).payload == u64(0) && seek("sparse", 0, 4).payload == u64(65536))
        #expect(try seek("sparse", 70000, 3).payload == u64(200_704) && seek("sparse", 70000, 4).payload == u64(70000))
        #expect(try seek("sparse", 200_704, 4).payload == u64(360_448))
        #expect(try seek("sparse", 360_448, 3).error == -ENXIO && seek("sparse", 400_000, 4).error == -ENXIO)
        #expect(try seek("sparse", 0, 0).error == -EINVAL)
        mount.loader.deliverEverything()
        #expect(try seek("sparse", 0, 4).payload == u64(65536))
        // Before anybody knows where the holes are, all is data.
        let early = try Mount(index: false)
        #expect(try early.ask(.lseek, node: early.node("sparse"), u64(0) + u64(70000) + u32(4) + u32(0)).payload == u64(400_000))
        #expect(try early.ask(.lseek, node: early.node("sparse"), u64(0) + u64(70000) + u32(3) + u32(0)).payload == u64(70000))
    }
}
