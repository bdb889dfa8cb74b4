import Glibc
import Integrity
import LinuxSystem
import Testing
import VolumeTesting

@testable import IncrementalFS

/// Who is believed without a pin.
@Suite struct TrustTests {
    static func digest(_ byte: UInt8) -> Digest { Digest(hex: String(repeating: String(byte >> 4, radix: 16) + String(byte & 15, radix: 16), count: 32))! }
    static func package(_ name: String = "app", release: String = "1", sequence: UInt64 = 10, root: UInt8 = 1, address: String = "https://h/app.incfs") -> KnownPackage {
        KnownPackage(address: address, name: name, release: release, sequence: sequence, root: digest(root))
    }

    @Test func decisions() {
        let known = Self.package()
        #expect(TrustDecision.about(known, known: nil) == .first)
        #expect(TrustDecision.about(known, known: known) == .same)
        // The same root under another name is the same package: the name is in the root.
        #expect(TrustDecision.about(Self.package(release: "2", sequence: 11, root: 2), known: known) == .update(from: known))
        #expect(TrustDecision.about(Self.package(release: "2", sequence: 10, root: 2), known: known) == .update(from: known))
        guard case .refused(let older) = TrustDecision.about(Self.package(release: "0", sequence: 9, root: 2), known: known) else { Issue.record("accepted"); return }
        #expect(older.contains("older") && older.contains("0, number 9") && older.contains("1, number 10"))
        guard case .refused(let other) = TrustDecision.about(Self.package("evil", sequence: 99, root: 2), known: known) else { Issue.record("accepted"); return }
        #expect(other.contains("“app” before") && other.contains("“evil” now"))
    }

    @Test(arguments: [
        ("https://h/a.incfs", "https://h/a.incfs"), ("https://h/a.incfs?token=1", "https://h/a.incfs"), ("https://u:p@h/a", "https://h/a"),
        ("https://h/a@b/c", "https://h/a@b/c"), ("https://u@v:p@h:1/a?x#y", "https://h:1/a"),
    ]) func secretsAreNoPartOfAnAddress(_ address: String, _ identity: String) { #expect(KnownPackage.identity(ofAddress: address) == identity) }

    @Test func theLastLineOfAnAddressCounts() throws {
        let directory = TemporaryDirectory()
        let known = KnownPackages(file: directory.path.appending("deep").appending("known"))
        #expect(try known.package(at: "https://h/app.incfs") == nil)
        try known.remember(Self.package())
        try known.remember(Self.package("other", address: "https://h/app.incfs2"))
        try known.remember(Self.package(release: "", sequence: .max, root: 3))
        #expect(try known.package(at: "https://h/app.incfs") == Self.package(release: "", sequence: .max, root: 3))
        #expect(try known.package(at: "https://h/app.incfs2")?.name == "other")
        #expect(try known.package(at: "https://h/app") == nil)
        #expect(try SystemCalls.status(of: known.file).mode & 0o777 == 0o600)
        // What somebody broke by hand is not believed, and what cannot be read at all is an error, not an empty memory.
        #expect(KnownPackage(line: "https://h/a\tapp\t1\tx\tsha256:\(Self.digest(1))") == nil)
        #expect(KnownPackage(line: "https://h/a\tapp\t1\t1\tsha256:00") == nil)
        #expect(throws: (any Error).self) { try KnownPackages(file: directory.path).package(at: "a") }
    }

    @Test func thePolicyIsReadStrictly() throws {
        var strict = TrustPolicy()
        strict.requirePin = true
        strict.refuseInsecure = true
        strict.origins = ["https://a/", "https://b/"]
        #expect(try TrustPolicy(parsing: "# all\nrequire-pin # yes\n\n refuse-insecure\norigin https://a/\norigin\thttps://b/\n") == strict)
        #expect(try TrustPolicy(parsing: "") == TrustPolicy())
        for bad in ["require-pins", "require-pin yes", "origin", "origin a b", "Require-Pin"] { #expect(throws: TrustPolicy.Invalid.self) { try TrustPolicy(parsing: bad) } }
        #expect(strict.objection(to: "https://a/x", isPath: false, pinned: true, insecure: false) == nil)
        #expect(strict.objection(to: "https://a/x", isPath: false, pinned: false, insecure: false) != nil)
        #expect(strict.objection(to: "https://c/x", isPath: false, pinned: true, insecure: false) != nil)
        #expect(strict.objection(to: "https://a/x", isPath: false, pinned: true, insecure: true) != nil)
        #expect(strict.objection(to: "/p", isPath: true, pinned: false, insecure: false) == nil)
    }

    @Test func aPolicyThatOthersCanWriteIsNone() throws {
        let directory = TemporaryDirectory()
        let file = directory.path.appending("policy")
        #expect(try TrustPolicy.load(file) == TrustPolicy())
        _ = try SystemCalls.open(file, flags: O_WRONLY | O_CREAT, mode: 0o666)
        chmod(file.string, 0o666)
        #expect(throws: TrustPolicy.Invalid.self) { try TrustPolicy.load(file) }
    }
}
