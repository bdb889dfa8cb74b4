import Glibc
import LinuxSystem
import MountTesting
import Testing

/// A published tree on a real mount: names, attributes and bytes are those of the source, from the first moment.
@Suite(.serialized, .timeLimit(.minutes(3))) struct TreeOnMountTests {
    enum Kind: CaseIterable, Sendable { case packed, inPlace }

    /// A source with some of everything.
    static let script = """
        set -e
        mkdir -p dir/sub empty-dir many bin modes
        printf hello > dir/small; chmod 640 dir/small
        : > empty
        head -c 3000000 /dev/urandom > dir/random
        ln dir/random dir/sub/random-link; ln dir/random third-name
        ln -s ../dir/small dir/link; ln -s nowhere dangling; ln -s /etc/passwd absolute
        seq 1 200000 > text.txt
        truncate -s 40M sparse
        head -c 65536 /dev/urandom | dd of=sparse bs=4096 seek=256 conv=notrunc status=none
        head -c 5000 /dev/urandom | dd of=sparse bs=4096 seek=5120 conv=notrunc status=none
        truncate -s 300K only-a-hole
        cp /usr/bin/sha256sum bin/sha256sum; chmod 755 bin/sha256sum
        for m in 400 444 755 700 666 501; do printf x > modes/$m; chmod $m modes/$m; done
        printf 1 > "$(printf 'bytes \\377\\376 \\001')"; printf 2 > "$(printf 'new\\nline')"; printf 3 > ' blank '; printf 4 > ./-dash
        printf 5 > "$(printf '%0255d' 7)"; printf 6 > 'gr\u{fc}n \u{1F600}'
        p=deep; for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do p=$p/level$i; done; mkdir -p $p; printf end > $p/file
        cd many; seq -f 'name number %05g' 1 $MANY | tr '\\n' '\\0' | xargs -0 touch; printf x > 'name number 00025'; cd ..
        touch -d '2001-02-03 04:05:06.123456789' dir/small
        touch -d '1969-12-31 12:00:00.5' empty
        touch -h -d '2010-10-10 10:10:10' dangling
        touch -d '2038-02-01 00:00:00' dir empty-dir
        """

    /// A mount of that tree with nothing fetched and no fill.
    static func withTree(_ kind: Kind, many: Int = 50, more: (MountSite) throws -> Void = { _ in }, _ body: (MountSite) async throws -> Void) async throws {
        try await MountSite.with { site in
            try await site.shell("MANY=\(many); cd \(site.source)\n\(script)")
            try more(site)
            try await site.publish(inPlace: kind == .inPlace)
            try await site.mount(nil, "--no-fill")
            try await body(site)
            #expect(try await site.status().errors.failedReads == 0)
        }
    }

    /// Every name with its type, mode, size, time, link count and target; directories' sizes and counts are their file system's.
    static func listing(_ site: MountSite, _ directory: FilePath) async throws -> [Substring] {
        try await site.shell(
            "cd \(directory) && find . -type d -printf '%P|%y|%m|%T@|%u\\0' -o -printf '%P|%y|%m|%T@|%u|%s|%n|%l\\0' | LC_ALL=C sort -z | od -An -v -c -w1000000 | sed 's/\\\\0/\\n/g'"
        ).split(separator: "\n")
    }

    @Test(arguments: Kind.allCases) func everyNameHasItsAttributes(_ kind: Kind) async throws {
        try await Self.withTree(kind, many: 5000) { site in
            let want = try await Self.listing(site, site.source), got = try await Self.listing(site, site.mountpoint)
            #expect(want.count > 5040)
            #expect(got == want)
            // Hard links: one inode, and nobody else has it.
            let inodes = try await site.shell("cd \(site.mountpoint) && find . -type f -size +2M -printf '%i %n %P\\n' | sort")
            let groups = Dictionary(grouping: inodes.split(separator: "\n"), by: { $0.split(separator: " ")[0] })
            #expect(groups.values.filter { $0.count == 3 }.count == 1, "\(inodes)")
            #expect(try await site.shell("cd \(site.mountpoint) && find . -printf '%i\\n' | sort | uniq -d | wc -l") == "1\n")
            // Found by name, not only listed; read one entry at a time, and again from the middle.
            #expect(try await site.shell("cd \(site.mountpoint) && cat 'many/name number 00025' deep/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/file \"$(printf 'new\\nline')\"") == "xend2")
            #expect(try await site.shell("cd \(site.mountpoint)/many && ls -f | wc -l") == "5002\n")
            #expect(try await site.shell("cat \(site.mountpoint)/dir/link; test ! -e \(site.mountpoint)/dangling; test ! -e \(site.mountpoint)/none; readlink \(site.mountpoint)/absolute") == "hello/etc/passwd\n")
        }
    }

    @Test func aFileSystemThatCannotBeWritten() async throws {
        try await Self.withTree(.packed) { site in
            let said = try await site.probe(["readonly", "\(site.mountpoint)/empty-dir", "\(site.mountpoint)/dir/small"]).finish()
            #expect(said.output == "done\n", "\(said)")
            let facts = try await site.probe(["facts", "\(site.mountpoint)/dir/small"]).finish().output.split(separator: "\n")
            #expect(facts.count == 3 && facts[0] == "list 0" && facts[1] == "get ENODATA", "\(facts)")
            // FUSE's magic number, nothing free, names of 255 bytes, and as many files as there are.
            #expect(facts.last?.hasPrefix("type 65735546 block 4096 free 0 names 255 blocks ") == true, "\(facts)")
            let files = facts.last.flatMap { Int($0.split(separator: " ").last!) } ?? 0
            let nodes = try await site.shell("find \(site.source) -printf '%i\\n' | sort -u | wc -l")
            #expect(files == Int(nodes.dropLast()), "\(facts)")
        }
    }

    @Test(arguments: Kind.allCases) func onlyPublishedHolesAreHoles(_ kind: Kind) async throws {
        try await Self.withTree(kind) { site in
            for name in ["sparse", "only-a-hole", "dir/random", "empty", "text.txt"] {
                let want = try await site.probe(["seek", "\(site.source)/\(name)"]).finish()
                #expect(want.output.contains("-") || name == "empty" || name == "only-a-hole", "\(name): \(want)")
                // Nothing is present; the first answer may come before the index is here, and then says that all is data.
                let got = try await eventually("the map of \(name) is that of the source", seconds: 10) { () -> ChildProcess.Result? in
                    let got = try await site.probe(["seek", "\(site.mountpoint)/\(name)"]).finish()
                    #expect(got.status == 0 && Self.covers(got.output, want.output), "\(name): \(got) does not cover \(want)")
                    return got.output == want.output ? got : nil
                }
                #expect(got.output == want.output)
            }
            #expect(try await site.status().filesTouched == 0)
        }
    }

    /// True if every data range of `inner` lies in one of `outer`.
    static func covers(_ outer: String, _ inner: String) -> Bool {
        func ranges(_ text: String) -> [Range<Int>] {
            text.split(separator: "\n").compactMap { line in
                let ends = line.split(separator: "-").compactMap { Int($0) }
                return ends.count == 2 && ends[0] <= ends[1] ? ends[0]..<ends[1] : nil
            }
        }
        let data = ranges(outer)
        return ranges(inner).allSatisfy { range in data.contains { $0.lowerBound <= range.lowerBound && range.upperBound <= $0.upperBound } }
    }

    static let methods = ["pread", "read", "shared", "private", "populate", "direct", "sendfile", "splice"]

    @Test(arguments: Kind.allCases) func everyWayOfReadingGivesTheBytes(_ kind: Kind) async throws {
        // A file for each way, so that each finds every block missing. None ends at a block or chunk.
        let size = 1_300_000
        func addFiles(_ site: MountSite) throws {
            for (i, method) in Self.methods.enumerated() { try site.addRandom("r-\(method)", count: size + i * 777, seed: UInt64(i + 1)) }
        }
        try await Self.withTree(kind, more: addFiles) { site in
            for (i, method) in Self.methods.enumerated() {
                #expect(try await site.read(method, "r-\(method)", length: size + i * 777) == "same", "\(method), everything missing")
            }
            // Present, the mount's pages dropped; and an odd part from the middle.
            for (i, method) in Self.methods.enumerated() {
                let name = "r-\(Self.methods[(i + 3) % Self.methods.count])"
                _ = try await site.probe(["forget", "\(site.mountpoint)/\(name)"]).finish()
                #expect(try await site.read(method, name, length: size) == "same", "\(method), everything present")
                #expect(try await site.read(method, name, at: 200_704, length: 333_333) == "same", "\(method), a part")
            }
            for method in ["pread", "read", "shared", "sendfile"] {
                #expect(try await site.read(method, "sparse", length: 40 << 20) == "same", "\(method) of a sparse file")
                #expect(try await site.read(method, "only-a-hole", length: 300 << 10) == "same", "\(method) of a hole")
            }
            #expect(try await site.shell("cat \(site.mountpoint)/empty | wc -c") == "0\n")
        }
    }

    @Test(arguments: Kind.allCases) func copiesAreCopies(_ kind: Kind) async throws {
        try await Self.withTree(kind) { site in
            // From nothing present: a block that is not there must not become a hole or zeros of the copy.
            try await site.shell("cp -a \(site.mountpoint) \(site.directory)/copy && diff -r --no-dereference \(site.source) \(site.directory)/copy")
            #expect(try await Self.listing(site, site.directory.appending("copy")) == Self.listing(site, site.source))
            try await site.shell("tar -C \(site.mountpoint) -S -cf \(site.directory)/tar . && mkdir \(site.directory)/untar && tar -C \(site.directory)/untar -xf \(site.directory)/tar")
            try await site.shell("diff -r --no-dereference \(site.source) \(site.directory)/untar")
        }
    }

    @Test func tarFromNothing() async throws {
        try await Self.withTree(.packed) { site in
            try await site.shell("mkdir \(site.directory)/untar && tar -C \(site.mountpoint) -S -cf - . | tar -C \(site.directory)/untar -xf - && diff -r --no-dereference \(site.source) \(site.directory)/untar")
        }
    }

    @Test(arguments: Kind.allCases) func eightReadersAtOnce(_ kind: Kind) async throws {
        try await Self.withTree(kind, more: { try $0.addRandom("wide", count: 6 << 20, seed: 99) }) { site in
            let readers = try (0..<8).map { i in
                try site.reader(Self.methods[i], "wide", at: i % 2 == 0 ? 0 : i * 131_072, length: 5 << 20)
            }
            for (i, reader) in readers.enumerated() {
                let result = try await reader.finish()
                #expect(result.output.hasSuffix("same\n"), "\(Self.methods[i]): \(result)")
            }
        }
    }

    @Test(arguments: Kind.allCases) func aProgramRunsOutOfAMissingFile(_ kind: Kind) async throws {
        try await Self.withTree(kind) { site in
            let said = try await site.shell("\(site.mountpoint)/bin/sha256sum \(site.mountpoint)/dir/small")
            #expect(said.hasPrefix("2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824 "))
            #expect(try await site.shell("\(site.mountpoint)/bin/sha256sum < \(site.mountpoint)/bin/sha256sum") == site.shell("sha256sum < /usr/bin/sha256sum"))
        }
    }
}
