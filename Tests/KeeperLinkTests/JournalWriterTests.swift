import Glibc
import Testing

@testable import LinuxSystem

/// What goes to the journal, byte by byte, and a socket that stands in for it.
@Suite struct JournalWriterTests {
    @Test func aMessageIsALineOrHasItsLengthBefore() {
        #expect(JournalWriter.datagram("a = b", priority: 3, identifier: "incfsd", pid: 7) == Array("PRIORITY=3\nSYSLOG_IDENTIFIER=incfsd\nSYSLOG_PID=7\nMESSAGE=a = b\n".utf8))
        let lines = JournalWriter.datagram("a\nMESSAGE=b", priority: 6, identifier: "i", pid: 7)
        #expect(lines == Array("PRIORITY=6\nSYSLOG_IDENTIFIER=i\nSYSLOG_PID=7\nMESSAGE\n".utf8) + [11, 0, 0, 0, 0, 0, 0, 0] + Array("a\nMESSAGE=b\n".utf8))
        #expect(JournalWriter.datagram(String(repeating: "x", count: 1 << 20), priority: 6, identifier: "i", pid: 7).count < 50_000)
    }

    @Test func itReachesAReceiverThatWasReplaced() throws {
        var template = Array("/tmp/journal-test-XXXXXX".utf8CString)
        let made = template.withUnsafeMutableBufferPointer { mkdtemp($0.baseAddress!) != nil }
        try #require(made)
        let directory = template.withUnsafeBufferPointer { FilePath(platformString: $0.baseAddress!) }
        defer { for name in ["socket"] { try? SystemCalls.unlink(directory.appending(name), missingIsFine: true) }; try? SystemCalls.removeDirectory(directory) }
        let place = directory.appending("socket")
        let refused = #expect(throws: Errno.self) { _ = try JournalWriter(socket: place, identifier: "i") }
        #expect(refused == .noSuchFileOrDirectory)
        func receiver() -> CInt {
            let descriptor = socket(AF_UNIX, CInt(SOCK_DGRAM.rawValue), 0)
            var address = sockaddr_un()
            address.sun_family = sa_family_t(AF_UNIX)
            withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(place.string.utf8)) }
            let bound = withUnsafePointer(to: &address) { $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) } }
            return bound == 0 ? descriptor : -1
        }
        func next(_ descriptor: CInt) -> String {
            var bytes = [UInt8](repeating: 0, count: 65536)
            let count = recv(descriptor, &bytes, bytes.count, CInt(MSG_DONTWAIT))
            return count > 0 ? String(decoding: bytes[..<count], as: UTF8.self) : ""
        }
        let first = receiver()
        let writer = try JournalWriter(socket: place, identifier: "i")
        #expect(writer.write("one", priority: 6) && next(first).hasSuffix("MESSAGE=one\n"))
        close(first)
        try SystemCalls.unlink(place)
        #expect(!writer.write("lost", priority: 6))
        let second = receiver()
        defer { close(second) }
        #expect(writer.write("two", priority: 4) && next(second).hasPrefix("PRIORITY=4\n"))
    }
}
