import LinuxSystem
import Testing

@Suite(.timeLimit(.minutes(2))) struct PublishCommandTests {
    @Test func whatIsPrintedPinsThePackage() async throws {
        let directory = TemporaryDirectory()
        let input = directory.path.appending("app"), output = directory.path.appending("out")
        try SystemCalls.makeDirectory(input)
        try input.appending("a").write("hello\n")
        let first = try await Executable.incfs.run(["publish", input.string, "-o", output.string])
        #expect(first.status == 0 && output.appending("app.incfs").exists, "\(first)")
        let fragment = try #require(first.output.split(separator: "#sha256=").last?.prefix(64))
        #expect(fragment.count == 64 && first.output.contains("root     \(fragment)\n"))
        let json = try await Executable.incfs.run(["publish", input.string, "-o", output.string, "--json"])
        #expect(json.status == 0 && json.output.contains("\"root\" : \"\(fragment)\"") && json.output.contains("\"address_fragment\" : \"#sha256=\(fragment)\""), "\(json)")
    }

    @Test func aDirectoryThatIsNotThereLeavesNothing() async throws {
        let directory = TemporaryDirectory()
        let result = try await Executable.incfs.run(["publish", directory.path.string + "/none", "-o", directory.path.string + "/out"])
        #expect(result.status == 1 && result.error.hasPrefix("incfs: Cannot "), "\(result)")
        #expect(!directory.path.appending("out").appending("none.incfs").exists)
    }
}
