import Glibc
import LinuxSystem
import MountTesting
import Testing

/// The README shows the first five minutes as they really look: its commands are run, and print what it shows.
@Suite(.timeLimit(.minutes(2))) struct FirstMinutesTests {
    /// What is the same in README and test: digests, amounts that depend on when something came, and nobody's own places.
    private static func neutral(_ text: String, _ places: [(String, String)]) -> [String] {
        var text = text.replacing(/[0-9a-f]{64}/, with: "ROOT").replacing(/app-[0-9a-f]{16}\.pack/, with: "app-NAME.pack").replacing(/run\/app-[0-9a-f]{8}/, with: "run/app-PLACE")
        text = text.replacing(/fetched  [0-9.]+ [kM]?B in [0-9]+ requests?/, with: "fetched  SO MUCH")
        for (real, shown) in places { text = text.replacing(real, with: shown) }
        return text.split(separator: "\n").map(String.init)
    }

    @Test(arguments: MountSite.User.allCases) func theReadmesCommandsPrintWhatItShows(_ user: MountSite.User) async throws {
        let file = try SystemCalls.realPath(FilePath(#filePath)).removingLastComponent().removingLastComponent().removingLastComponent().appending("README.md")
        let readme = String(decoding: try SystemCalls.contents(of: file), as: UTF8.self)
        let section = try #require(readme.firstRange(of: "## The first five minutes")).upperBound
        let end = try #require(readme[section...].firstRange(of: "\n## ")).lowerBound
        let lines = readme[section..<end].split(separator: "\n").map(String.init)
        let transcript = lines.drop { !$0.hasPrefix("$ ") }.filter { !$0.hasPrefix("```") && !$0.hasPrefix("Where they are wanted") }.prefix { !$0.hasPrefix("And for good") }
        let port = try await freePort()
        try await MountSite.with(user) { site in
            var script = "cd; PATH=\(site.programs):$PATH\n"
            var expected = ""
            for line in transcript {
                guard line.hasPrefix("$ ") else { expected += line + "\n"; continue }
                let command = line.dropFirst(2)
                // What a person's eyes do: the server says when it is ready, and is ended at the end.
                script += command.hasSuffix("&") ? "\(command.dropLast()) > started & server=$!\nuntil grep . started; do sleep 0.05; done\n" : command + "\n"
            }
            script += "kill $server; wait"
            #expect(transcript.count { $0.hasPrefix("$ ") } == 8)
            let result = try await site.startShell(script.replacing("8765", with: "\(port)")).finish(seconds: 100)
            let places = [("\(site.directory)/home", "/home/you"), (user == .root ? "/run/incfs/run" : "\(site.directory)/run/incfs/run", "/run/user/1000/incfs/run"), (":\(port)", ":8765")]
            #expect(result.status == 0, "\(result)")
            #expect(Self.neutral(result.output, places) == Self.neutral(expected, []), "\(result)")
            #expect(site.mounts == [])
        }
    }

    /// Free a moment ago.
    private func freePort() async throws -> Int {
        let origin = try ControlledOrigin(root: "/nowhere")
        defer { origin.stop() }
        return origin.port
    }
}
