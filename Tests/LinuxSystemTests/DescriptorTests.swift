import Glibc
import LinuxSystem
import Testing

@Suite struct DescriptorTests {
    private static func isOpen(_ descriptor: CInt) -> Bool { fcntl(descriptor, F_GETFD) >= 0 }

    /// The descriptor of a file that nobody else has, so that a number that is open again is told from one that never closed.
    private static func isOpen(_ descriptor: CInt, on inode: UInt64) -> Bool {
        var status = stat()
        return fstat(descriptor, &status) == 0 && UInt64(status.st_ino) == inode
    }

    @Test func anOwnerClosesOnceAndGivesAwayWhole() throws {
        let scratch = Scratch()
        try scratch.write("file", "x")
        var number: CInt = -1
        let inode = try SystemCalls.status(of: scratch.path.appending("file")).inode
        do {
            let owned = try SystemCalls.open(scratch.path.appending("file"), flags: O_RDONLY)
            number = owned.rawValue
            #expect(Self.isOpen(number, on: inode) && fcntl(number, F_GETFD) & FD_CLOEXEC != 0)
        }
        #expect(!Self.isOpen(number, on: inode))
        let taken = try SystemCalls.open(scratch.path.appending("file"), flags: O_RDONLY).take()
        #expect(Self.isOpen(taken, on: inode))
        let again = try SystemCalls.duplicate(taken)
        #expect(fcntl(again.rawValue, F_GETFD) & FD_CLOEXEC != 0 && again.rawValue != taken)
        SystemCalls.close(taken)
        #expect(Self.isOpen(again.rawValue, on: inode))
    }

    @Test func readingStopsAtTheEndAndWritingDoesNotStopEarly() throws {
        let scratch = Scratch()
        let file = try SystemCalls.open(scratch.path.appending("file"), flags: O_RDWR | O_CREAT)
        let bytes = [UInt8]((0..<10_000).map { UInt8(truncatingIfNeeded: $0) })
        try bytes.withUnsafeBytes { try SystemCalls.pwriteAll(file.rawValue, $0, at: 5) }
        var found = [UInt8](repeating: 0xee, count: 20_000)
        let count = try found.withUnsafeMutableBytes { try SystemCalls.preadAll(file.rawValue, into: $0, at: 0) }
        #expect(count == 10_005 && found[5..<10_005] == bytes[...] && found[..<5].allSatisfy { $0 == 0 } && found[10_005] == 0xee)
        #expect(try found.withUnsafeMutableBytes { try SystemCalls.preadAll(file.rawValue, into: $0, at: 10_005) } == 0)
    }

    @Test func errorsAreTheKernels() throws {
        let scratch = Scratch()
        #expect(throws: Errno.noSuchFileOrDirectory) { _ = try SystemCalls.open(scratch.path.appending("none"), flags: O_RDONLY).rawValue }
        #expect(throws: Errno.isDirectory) { _ = try SystemCalls.open(scratch.path, flags: O_WRONLY).rawValue }
        #expect(throws: Errno.badFileDescriptor) { try SystemCalls.fsync(-1) }
        try scratch.write("file", "x")
        let reading = try SystemCalls.open(scratch.path.appending("file"), flags: O_RDONLY)
        #expect(throws: Errno.badFileDescriptor) { try [UInt8](repeating: 0, count: 1).withUnsafeBytes { try SystemCalls.pwriteAll(reading.rawValue, $0, at: 0) } }
        #expect(throws: Errno.invalidArgument) { try SystemCalls.truncate(reading.rawValue, to: 0) }
    }

    @Test func aSparseFileHasHolesAndData() throws {
        let scratch = Scratch()
        let file = try SystemCalls.open(scratch.path.appending("file"), flags: O_RDWR | O_CREAT)
        try SystemCalls.truncate(file.rawValue, to: 1 << 20)
        try [UInt8](repeating: 1, count: 4096).withUnsafeBytes { try SystemCalls.pwriteAll(file.rawValue, $0, at: 512 << 10) }
        #expect(try SystemCalls.seek(file.rawValue, 0, whence: 3) == 512 << 10)
        #expect(try SystemCalls.seek(file.rawValue, 512 << 10, whence: 4) == (512 << 10) + 4096)
        try SystemCalls.punchHole(file.rawValue, at: 512 << 10, length: 4096)
        #expect(throws: Errno.noSuchAddressOrDevice) { _ = try SystemCalls.seek(file.rawValue, 0, whence: 3) }
    }
}
