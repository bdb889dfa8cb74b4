import Glibc
import LinuxSystem
import Testing

@Suite struct TreeTests {
    @Test func namesAreBytes() throws {
        let scratch = Scratch()
        let name: [UInt8] = [0x61, 0xff, 0x0a, 0x20]
        try SystemCalls.makeDirectory(scratch.path.appending(bytes: name))
        try scratch.write(".hidden", "x")
        #expect(Set(try SystemCalls.list(scratch.path)) == [name, Array(".hidden".utf8)])
        #expect(throws: Errno.noSuchFileOrDirectory) { _ = try SystemCalls.list(scratch.path.appending("none")) }
        #expect(throws: Errno.notDirectory) { _ = try SystemCalls.list(scratch.path.appending(".hidden")) }
    }

    @Test func makingDirectoriesMakesParentsAndBearsWithWhatIsThere() throws {
        let scratch = Scratch()
        let deep = scratch.path.appending("a").appending("b").appending("c")
        try SystemCalls.makeDirectories(deep)
        try SystemCalls.makeDirectories(deep)
        #expect(try SystemCalls.status(of: deep).kind == .directory)
        try scratch.write("file", "x")
        #expect(throws: Errno.self) { try SystemCalls.makeDirectories(scratch.path.appending("file").appending("below")) }
    }

    /// A removal that followed a link would empty a stranger's directory.
    @Test func removingATreeFollowsNoLink() throws {
        let scratch = Scratch(), other = Scratch()
        try other.write("kept", "x")
        let tree = scratch.path.appending("tree")
        try SystemCalls.makeDirectories(tree.appending("sub"))
        #expect(symlink(other.path.string, tree.appending("sub").appending("link").string) == 0)
        #expect(symlink(other.path.string, scratch.path.appending("top").string) == 0)
        try SystemCalls.removeTree(tree)
        try SystemCalls.removeTree(scratch.path.appending("top"))
        try SystemCalls.removeTree(scratch.path.appending("none"))
        #expect(try SystemCalls.list(scratch.path).isEmpty && SystemCalls.list(other.path).count == 1)
    }

    @Test func openingBeneathNeverLeaves() throws {
        let scratch = Scratch()
        try scratch.write("outside", "x")
        let inner = scratch.path.appending("inner")
        try SystemCalls.makeDirectories(inner.appending("sub"))
        try scratch.write("inner/file", "y")
        for (link, target) in [("up", "../outside"), ("absolute", "/etc/passwd"), ("fine", "sub/../file")] { #expect(symlink(target, inner.appending(link).string) == 0) }
        let directory = try SystemCalls.open(inner, flags: O_RDONLY | O_DIRECTORY)
        func opens(_ path: String) -> Errno? {
            do {
                _ = try SystemCalls.open(Array(path.utf8), beneath: directory.rawValue, flags: O_RDONLY).rawValue
                return nil
            } catch { return error }
        }
        #expect(opens("file") == nil && opens("fine") == nil && opens("sub/../file") == nil)
        for path in ["../outside", "/etc/passwd", "up", "absolute", "sub/../../outside"] { #expect(opens(path) == Errno(rawValue: EXDEV), "\(path)") }
        #expect(opens("none") == .noSuchFileOrDirectory)
    }
}
