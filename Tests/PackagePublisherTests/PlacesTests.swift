import Integrity
import LinuxSystem
import PackageFormat
import Testing

@testable import PackagePublisher

@Suite struct PlacesTests {
    @Test func basePaths() throws {
        func base(_ output: String, _ directory: String) throws -> String { String(decoding: try InPlaceBase.path(from: FilePath(output), to: FilePath(directory)), as: UTF8.self) }
        #expect(try base("/w/app", "/w/app") == "")
        #expect(try base("/w", "/w/app") == "app")
        #expect(try base("/w", "/w/a/b/c") == "a/b/c")
        #expect(try base("/w/app/pub/x", "/w/app") == "../..")
        #expect(try base("/w/out", "/w/app") == "../app")
        #expect(throws: PublishError.baseNeeded(directory: "/w/a/app", output: "/w/b/out")) { try base("/w/b/out", "/w/a/app") }
        #expect(throws: PublishError.self) { try base("/w/out", "/w/a/app") }
    }

    /// The output directory may be the published one: what a publish writes is not part of the next.
    @Test(arguments: [false, true]) func publishingIntoItself(inPlace: Bool) throws {
        let shop = try Workshop()
        let source = try shop.directory("s")
        try shop.write("s/a", Workshop.text(10_000, seed: 1))
        try shop.write("s/s-other.pack", [1])
        var options = PublishOptions()
        options.inPlace = inPlace
        options.time = 5
        for _ in 0..<3 {
            let summary = try Publisher.publish(directory: source, output: source, options: options)
            let package = try UnpackedPackage(summary.envelope, root: summary.root, workshop: shop)
            #expect(summary.files == 2)
            #expect(try package.content("a") == Workshop.text(10_000, seed: 1))
            if inPlace { #expect(package.head.manifest.source == .inPlace(basePath: [], note: "")) }
        }
        #expect(try shop.names(source).count == (inPlace ? 3 : 4))
    }

    @Test func ownNamesAreOwnOnly() {
        let names = OutputNames("app")
        let pack = names.pack(Digest(hex: String(repeating: "0a", count: 32))!)
        #expect(String(decoding: pack, as: UTF8.self) == "app-0a0a0a0a0a0a0a0a.pack")
        for own in ["app.incfs", ".app.incfs.part", ".app.pack.part", "app-0a0a0a0a0a0a0a0a.pack"] { #expect(names.isOwn(Array(own.utf8))) }
        for other in ["app", "app2.incfs", "app-0a0a0a0a0a0a0a0A.pack", "app-0a0a0a0a0a0a0a0.pack", "app-0a0a0a0a0a0a0a0aa.pack", "app-zzzzzzzzzzzzzzzz.pack"] {
            #expect(!names.isOwn(Array(other.utf8)))
        }
    }

    @Test func chosenBaseIsKept() throws {
        let shop = try Workshop()
        let source = try shop.directory("s")
        try shop.write("s/a", [1])
        var options = PublishOptions()
        options.inPlace = true
        options.base = Array("../../elsewhere".utf8)
        let summary = try Publisher.publish(directory: source, output: shop.path("far/away/out"), options: options)
        let file = try shop.read(summary.envelope)
        let head = try file.withUnsafeBytes { try PackageHead(parsing: $0, expectedRoot: summary.root) }
        #expect(head.manifest.source == .inPlace(basePath: Array("../../elsewhere".utf8), note: ""))
    }
}
