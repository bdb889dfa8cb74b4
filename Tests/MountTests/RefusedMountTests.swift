import Glibc
import LinuxSystem
import MountTesting
import TestOrigins
import Testing

/// What is no package, or no web server that answers range requests, fails the mount command itself, and nothing is left.
@Suite(.serialized, .timeLimit(.minutes(4))) struct RefusedMountTests {
    /// 10 s are promised.
    static let bound: Double = 50

    static func refused(_ site: MountSite, _ address: String, status: Int32, _ words: String..., sourceLocation: SourceLocation = #_sourceLocation) async throws {
        let result = try await site.startIncfs(["mount", address, site.mountpoint.string]).finish(seconds: bound)
        #expect(result.status == status && result.output.isEmpty, "\(result)", sourceLocation: sourceLocation)
        for word in words { #expect(result.error.contains(word), "\(result)", sourceLocation: sourceLocation) }
        #expect(site.mounts == [], sourceLocation: sourceLocation)
        try await eventually("no process is left; there are \(site.processes)", seconds: bound) { site.processes.isEmpty ? true : nil }
        let stored = try await entries(site)
        #expect(stored == [], "\(stored)", sourceLocation: sourceLocation)
    }

    /// The files of the store but for those that every store has.
    static func entries(_ site: MountSite) async throws -> [String] {
        try await site.shell("find \(site.store) -type f -printf '%P\\n'").split(separator: "\n").map(String.init)
            .filter { !["lock", "format", "CACHEDIR.TAG", "daemon.log", "slabs/log"].contains($0) }
    }

    @Test func nginxWithoutThePackageOrWithoutRanges() async throws {
        let nginx = try Nginx(extra: "location /whole/ { max_ranges 0; } location /html/ { default_type 'text/html; charset=utf-8'; }")
        defer { nginx.stop() }
        try await MountSite.with { site in
            try site.addRandom("f", count: 6 << 20, seed: 1)
            try await site.publish()
            try await site.shell("cp -r \(site.output)/. \(nginx.root); mkdir \(nginx.root)/whole; cp \(site.output)/app* \(nginx.root)/whole")
            try await site.shell("echo '<!DOCTYPE html><html><body>Please sign in</body></html>' > \(nginx.root)/page.html; cp \(nginx.root)/page.html \(nginx.root)/page.incfs; mkdir \(nginx.root)/html; cp \(nginx.root)/page.html \(nginx.root)/html/app.incfs; : > \(nginx.root)/empty.incfs")
            try await Self.refused(site, nginx.address("/none.incfs"), status: 3, "404")
            try await Self.refused(site, nginx.address("/page.html"), status: 4, "not a package")
            try await Self.refused(site, nginx.address("/page.incfs"), status: 4, "not a package")
            // As a site answers that has a page for every path.
            try await Self.refused(site, nginx.address("/html/app.incfs"), status: 4, "not a package")
            try await Self.refused(site, nginx.address("/empty.incfs"), status: 4)
            try await Self.refused(site, nginx.address("/whole/app.incfs"), status: 3, "ignores Range requests")
            try await Self.refused(site, nginx.address("/app.incfs") + "#sha256=" + String(repeating: "0", count: 64), status: 4)
            nginx.interrupt()
            try await Self.refused(site, nginx.address("/app.incfs"), status: 3)
            // And what is right still mounts.
            try nginx.start()
            try await site.mount(nginx.address("/app.incfs"))
            #expect(try await site.read("read", "f", length: 6 << 20) == "same")
            try await site.incfs("unmount", site.mountpoint.string)
        }
    }

    @Test func aCertificateThatNobodyVouchesForEndsTheMountAtOnce() async throws {
        let authority = try TestAuthority()
        let selfSigned = try Nginx(certificate: try authority.selfSigned()), expired = try Nginx(certificate: try authority.certificate("old", expired: true))
        let otherName = try Nginx(certificate: try authority.certificate("other", names: "DNS:elsewhere.example"))
        defer { for nginx in [selfSigned, expired, otherName] { nginx.stop() } }
        try await MountSite.with { site in
            try site.addRandom("f", count: 4096, seed: 1)
            let pin = try await site.publish()
            for nginx in [selfSigned, expired, otherName] { try await site.shell("cp \(site.output)/app* \(nginx.root)") }
            // Neither a pin nor --insecure makes it wait for another certificate.
            for (nginx, word) in [(selfSigned, "is not accepted"), (expired, "is not accepted"), (otherName, "another name")] {
                for options in [[nginx.address("/app.incfs", host: "localhost")], [nginx.address("/app.incfs", host: "localhost") + pin]] {
                    let result = try await site.start(
                        "\(site.programs)/incfs", ["mount"] + options + [site.mountpoint.string], environment: ["SSL_CERT_FILE": authority.file]
                    ).finish(seconds: Self.bound)
                    #expect(result.status == 4 && result.error.contains("TLS certificate") && result.error.contains(word), "\(result)")
                    #expect(try nginx.requests().isEmpty)
                }
            }
            #expect(site.mounts == [])
            #expect(try await Self.entries(site) == [])
        }
    }

    @Test func anOriginThatMisbehaves() async throws {
        try await MountSite.with { site in
            try site.addRandom("f", count: 6 << 20, seed: 1)
            try await site.publish()
            // The envelope is small; what cannot be read in parts is the pack.
            var files: [String: [UInt8]] = [:]
            for name in try SystemCalls.list(site.output) where name.starts(with: Array("app".utf8)) {
                files["/" + String(decoding: name, as: UTF8.self)] = try SystemCalls.contents(of: site.output.appending(bytes: name))
            }
            let origin = MisbehavingOrigin(files: files)
            defer { origin.stop() }
            let address = origin.address("/app.incfs")
            // A web page where a range was asked for is no answer of the origin that is meant, so nothing was refused: out of reach.
            for (misbehaviour, status, words) in [
                (.status(404), 3, "404"), (.status(403), 3, "403"), (.status(410), 3, "410"),
                (.webPage, 3, "answered with a web page (200, text/html) where bytes 0-"), (.ignoreRange(), 3, "ignores Range requests"),
                (.ignoreRange(announce: false), 3, "ignores Range requests"), (.damage, 4, "cannot be used"),
            ] as [(Misbehaviour, Int32, String)] {
                for path in files.keys { origin.script(path, misbehaviour) }
                try await Self.refused(site, address, status: status, words)
            }
        }
    }
}
