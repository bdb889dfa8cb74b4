import ControlAPI
import FoundationEssentials
import Glibc
import LinuxSystem
import MountTesting
import Testing

/// `fetch`, `ls` and `cat`: a package without FUSE.
@Suite(.serialized, .timeLimit(.minutes(3))) struct WithoutMountTests {
    /// Everything that a tree can have.
    static func publishTree(_ site: MountSite) async throws {
        try await site.shell(
            """
            set -e; cd \(site.source); head -c 5000000 /dev/urandom > large; mkdir -p deep/er empty closed; echo small > small; : > nothing; ln large deep/er/again
            ln -s ../small deep/link; ln -s /nowhere dangling; truncate -s 64M sparse; printf middle | dd of=sparse bs=1 seek=20000000 conv=notrunc 2>/dev/null
            cp small "$(printf 'caf\\351')"; chmod 4755 small; chmod 0400 nothing; cp small closed/in; chmod 0555 closed
            touch -h -d '2001-02-03 04:05:06.789' small large dangling deep/link nothing; touch -d 2002-03-04 deep/er empty closed deep .
            """)
        try await site.publish()
    }

    /// What find(1) says of each name, set-user-id bits aside, in order.
    static func listing(_ site: MountSite, _ place: FilePath) async throws -> String {
        try await site.shell("cd \(place) && find . -printf '%P|%y|%m|%n|%T@|%l|' \\( -type d -printf '\\n' -o -printf '%s\\n' \\) | sed 's/|4755|/|755|/' | LC_ALL=C sort")
    }

    @Test(arguments: MountSite.User.allCases) func aFetchedDirectoryIsWhatWasPublished(user: MountSite.User) async throws {
        try await MountSite.with(user) { site in
            try await Self.publishTree(site)
            try await Self.hideFUSE(site)
            let place = site.directory.appending("home/app")
            let text = try await site.incfs("fetch", "\(site.output)/app.incfs", place.string)
            #expect(text.contains("app 1 is in"), "\(text)")
            let (expected, got) = (try await Self.listing(site, site.source), try await Self.listing(site, place))
            #expect(expected == got)
            try await site.shell("diff -r --no-dereference \(site.source) \(place)")
            // Holes are holes, links are links, and nothing of the store is.
            let sizes = try await site.shell("cd \(place); stat -c '%b' sparse; stat -c '%i' large deep/er/again; stat -c '%a' small; stat -c %U small; find \(site.store) -samefile large")
            let lines = sizes.split(separator: "\n")
            #expect(lines.count == 5 && Int(lines[0])! < 1024 && lines[1] == lines[2] && lines[3] == "755" && lines[4] == "\(user)", "\(sizes)")
            #expect(try SystemCalls.list(site.directory.appending("home")).allSatisfy { !String(decoding: $0, as: UTF8.self).contains("incfs-fetch") })
            // A second time: not over what is there; the first directory is as it was.
            let again = try await site.tryIncfs("fetch", "\(site.output)/app.incfs", place.string)
            #expect(again.status == 2 && again.error.contains("not empty"), "\(again)")
            #expect(try await Self.listing(site, place) == got)
            // From the store alone, into an empty directory that exists.
            try await site.shell("rm -f \(site.output)/app-*.pack; mkdir \(site.directory)/home/other")
            let json = try await site.incfs("fetch", "--json", "\(site.output)/app.incfs", "\(site.directory)/home/other")
            #expect(json.contains("\"bytes_fetched\" : 0"), "\(json)")
            #expect(try await Self.listing(site, site.directory.appending("home/other")) == got)
        }
    }

    /// A file system that shares blocks between files: what is fetched takes no second place on it.
    @Test(arguments: ["xfs", "btrfs"]) func aFetchSharesItsBlocksWithTheStoreWhereThatIsPossible(system: String) async throws {
        try await MountSite.with { site in
            for i in 0..<3 { try site.addRandom("part\(i)", count: 8 << 20, seed: UInt64(i) + 1) }
            try await site.shell("cd \(site.source); truncate -s 64M sparse; printf middle | dd of=sparse bs=1 seek=20000000 conv=notrunc 2>/dev/null; echo small > small; ln small again")
            try await site.publish()
            let disk = "\(site.directory)/shared"
            // Of the smallest size that both make; nothing of it is written until it is used.
            try await site.shell(
                "truncate -s 400M \(disk).img; \(system == "xfs" ? "mkfs.xfs -q -m reflink=1" : "mkfs.btrfs -q") \(disk).img; mkdir \(disk); mount -o loop \(disk).img \(disk)", as: .root)
            func used() async throws -> Int { Int(try await site.shell("sync -f \(disk); df -B1 --output=used \(disk) | tail -1").filter(\.isNumber)) ?? -1 }
            try await site.incfs("cat", "--store", "\(disk)/store", "\(site.output)/app.incfs", "part0")
            let json = try await site.incfs("fetch", "--json", "--store", "\(disk)/store", "\(site.output)/app.incfs", "\(disk)/first")
            let report = try JSONDecoder.snake.decode(FetchReport.self, from: Data(json.utf8))
            #expect(report.filesCloned >= 3, "\(json)")
            let before = try await used()
            try await site.incfs("fetch", "--store", "\(disk)/store", "\(site.output)/app.incfs", "\(disk)/second")
            let grown = try await used() - before
            #expect(grown < 4 << 20, "\(grown) bytes more for a second directory of 24 MiB")
            for name in ["first", "second"] { try await site.shell("diff -r \(site.source) \(disk)/\(name)") }
            // Shared, not the same file: what is changed here changes nothing there.
            try await site.shell("printf XXXX | dd of=\(disk)/first/part1 bs=1 seek=5000 conv=notrunc 2>/dev/null; cmp \(disk)/second/part1 \(site.source)/part1")
            #expect(try await site.incfs("verify", "--store", "\(disk)/store", "\(site.output)/app.incfs").hasPrefix("All is well"))
            try await site.incfs("stop", "--store", "\(disk)/store")
            try await site.shell("umount \(disk)", as: .root)
        }
    }

    /// What a container without the device looks like.
    static func hideFUSE(_ site: MountSite) async throws {
        try await site.shell("umount /dev/fuse; mount -t tmpfs none /dev; mknod -m 666 /dev/null c 1 3; mknod -m 666 /dev/urandom c 1 9", as: .root)
    }

    @Test(arguments: MountSite.User.allCases) func aMountWithoutTheDeviceSaysWhatToDo(user: MountSite.User) async throws {
        try await MountSite.with(user) { site in
            try await Self.publishTree(site)
            try await Self.hideFUSE(site)
            let result = try await site.tryIncfs("mount", "\(site.output)/app.incfs", site.mountpoint.string)
            #expect(result.status == 5, "\(result)")
            for word in ["/dev/fuse", "--device /dev/fuse", "--cap-add SYS_ADMIN", "incfs fetch"] { #expect(result.error.contains(word), "\(word): \(result)") }
        }
    }

    /// A kill -9 of the daemon, an interrupted command, a command that is killed: in the middle of the transfer.
    @Test(arguments: ["daemon", "INT", "KILL"]) func anInterruptedFetchLeavesNothingAndGoesOn(blow: String) async throws {
        try await MountSite.with { site in
            for i in 0..<3 { try site.addRandom("part\(i)", count: 1 << 20, seed: UInt64(i) + 1) }
            let pin = try await site.publish()
            let origin = try ControlledOrigin(root: site.directory)
            defer { origin.stop() }
            let address = origin.address + pin
            let place = "\(site.directory)/home/app"
            origin.rule { !$0.path.hasSuffix(".pack") || $0.number < 4 ? .answer : .hold }
            let fetch = try site.startIncfs(["fetch", address, place])
            // Until what the origin gave is in the store: what is only on its way may be lost.
            try await eventually("a part is stored", seconds: 30) { () -> Bool? in
                let requests = origin.requests.filter { $0.path.hasSuffix(".pack") }
                let given = requests.filter(\.answered).reduce(0) { $0 + $1.range.count }
                guard given > 0, requests.contains(where: { !$0.answered }) else { return nil }
                let report = try JSONDecoder.snake.decode(VerifyReport.self, from: Data(try await site.incfs("verify", "--json", address).utf8))
                return Int(report.blocksChecked) * 4096 >= given ? true : nil
            }
            switch blow {
            case "INT":
                fetch.signal(SIGINT)
                #expect(try await fetch.finish().status == 128 + SIGINT)
            case "KILL":
                fetch.signal(SIGKILL)
                _ = try await fetch.finish()
            default:
                kill(try await site.report().daemonPid, SIGKILL)
                #expect(try await fetch.finish().status == 1)
            }
            // From here on nobody waits for what the origin still holds.
            try await site.incfs("stop")
            let dropped = Set(origin.requests.filter { !$0.answered }.map(\.number))
            #expect(try SystemCalls.list(site.directory.appending("home")).allSatisfy { !String(decoding: $0, as: UTF8.self).contains("app") })
            origin.rule { _ in .answer }
            try await site.incfs("fetch", address, place)
            try await site.shell("diff -r \(site.source) \(place)")
            // No byte of the pack came twice.
            let ranges = origin.requests.filter { $0.path.hasSuffix(".pack") && !dropped.contains($0.number) }.map(\.range).sorted { $0.lowerBound < $1.lowerBound }
            #expect(ranges.count > 2)
            for (a, b) in zip(ranges, ranges.dropFirst()) { #expect(a.upperBound <= b.lowerBound, "\(a) and \(b)") }
        }
    }

    /// The same while the directory is being written: the last file's content is held back from who copies it.
    @Test(arguments: ["daemon", "KILL"]) func aFetchThatIsKilledWhileItWritesGoesOn(blow: String) async throws {
        try await MountSite.with { site in
            for i in 0..<3 { try site.addRandom("part\(i)", count: 1 << 20, seed: UInt64(i) + 1) }
            try await site.publish(inPlace: true)
            let origin = try ControlledOrigin(root: site.directory)
            defer { origin.stop() }
            let home = site.directory.appending("home")
            // The fill passes over the last file; the copy asks for it once more, and waits.
            origin.rule { [home] request in
                guard request.path.hasSuffix("/part2") else { return .answer }
                return (try? SystemCalls.status(of: home.appending(".app.incfs-fetch/part1"))) == nil ? .status(404) : .hold
            }
            let fetch = try site.startIncfs(["fetch", origin.address, home.appending("app").string])
            try await origin.reached("the copy's request") { $0.contains { $0.path.hasSuffix("/part2") && !$0.answered } }
            try await eventually("the copy has come to the last file", seconds: 30) { access("\(home)/.app.incfs-fetch/part2", F_OK) == 0 ? true : nil }
            let old = try await site.report().daemonPid
            if blow == "daemon" { kill(old, SIGKILL) } else { fetch.signal(SIGKILL) }
            #expect(try await fetch.finish().status != 0)
            #expect(access("\(home)/app", F_OK) != 0)
            if blow == "KILL" {
                // The daemon lives, and takes away what it had begun.
                try await eventually("nothing of it is left", seconds: 30) { access("\(home)/.app.incfs-fetch", F_OK) != 0 ? true : nil }
            }
            origin.open()
            try await site.incfs("fetch", origin.address, home.appending("app").string)
            try await site.shell("diff -r \(site.source) \(home)/app")
            #expect(try SystemCalls.list(home).allSatisfy { !String(decoding: $0, as: UTF8.self).contains("incfs-fetch") })
            // What was stored before the blow did not come again.
            for name in ["part0", "part1"] {
                let ranges = origin.requests.filter { $0.path.hasSuffix("/\(name)") }.map(\.range).sorted { $0.lowerBound < $1.lowerBound }
                for (a, b) in zip(ranges, ranges.dropFirst()) { #expect(a.upperBound <= b.lowerBound, "\(a) and \(b) of \(name)") }
            }
        }
    }

    @Test func listing() async throws {
        try await MountSite.with(.nobody) { site in
            try await Self.publishTree(site)
            try await site.shell("rm \(site.output)/app-*.pack")
            let address = "\(site.output)/app.incfs"
            let text = try await site.startIncfs(["ls", address]).finish().output
            #expect(text.contains("drwxr-xr-x") && text.contains("-rwsr-xr-x 1 ") && text.contains("dangling -> /nowhere") && text.contains(" 2001-02-03 04:05 small\n"), "\(text)")
            #expect(try await site.incfs("ls", address, "deep").split(separator: "\n").map { String($0.split(separator: " ")[5...].joined(separator: " ")) } == ["er", "link -> ../small"])
            #expect(try await site.incfs("ls", "-R", address, "/deep/").contains("er/again"))
            #expect(try await site.incfs("ls", address, "small").split(separator: "\n").count == 1)
            let none = try await site.tryIncfs("ls", address, "none")
            #expect(none.status == 2 && none.error.contains("There is no none"), "\(none)")
            let report = try JSONDecoder.snake.decode(ListReport.self, from: Data(try await site.incfs("ls", "--json", "-R", address).utf8))
            #expect(report.entries.count == 13, "\(report.entries.map(\.path))")
            #expect(report.entries.first { $0.path == "small" }?.mode == "4755")
            #expect(report.entries.first { $0.path == "sparse" }?.size == 64 << 20)
            #expect(report.entries.contains { $0.pathBytes == "636166e9" })
        }
    }

    @Test func catStreamsWhatIsNeeded() async throws {
        try await MountSite.with { site in
            try await Self.publishTree(site)
            try site.addRandom("other", count: 3 << 20, seed: 99)
            try await site.publish()
            let origin = try ControlledOrigin(root: site.directory)
            defer { origin.stop() }
            let address = origin.address
            for name in ["deep/er/again", "sparse", "nothing", "small"] {
                try await site.shell("\(site.programs)/incfs cat \(address) \(name) | cmp - \(site.source)/\(name)")
            }
            // The neighbour was not fetched: less than all that would have come with it.
            let bytes = origin.requests.filter(\.answered).reduce(0) { $0 + $1.range.count }
            #expect(bytes < 5 << 20 | 2 << 20, "\(bytes)")
            // A reader that has enough ends the command as it ends cat(1).
            let end = try await site.startShell("{ \(site.programs)/incfs cat \(address) large; echo $? >&2; } | head -c 10 | wc -c").finish()
            #expect(end.output == "10\n" && end.error == "141\n", "\(end)")
            for (name, word) in [("deep", "a directory"), ("dangling", "a symbolic link"), ("none", "There is no none")] {
                let result = try await site.tryIncfs("cat", address, name)
                #expect(result.status == 2 && result.error.contains(word), "\(result)")
            }
        }
    }
}

extension JSONDecoder {
    static var snake: JSONDecoder {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return decoder
    }
}
