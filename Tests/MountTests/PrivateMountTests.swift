import ControlAPI
import FoundationEssentials
import Glibc
import LinuxSystem
import MountTesting
import Testing
import TestOrigins

/// A mount of a private origin, and where its secrets are not.
@Suite(.serialized, .timeLimit(.minutes(3))) struct PrivateMountTests {
    static let secrets = ["t0ken-one", "t0ken-two", "geheim-netrc", "qu3ry-s3cret"]

    @Test(arguments: MountSite.User.allCases) func anExpiringTokenAndItsSecrecy(user: MountSite.User) async throws {
        try await MountSite.with(user) { site in
            try site.addRandom("first", count: 300_000, seed: 1)
            try site.addRandom("second", count: 300_000, seed: 2)
            try await site.publish()
            // What the origin takes is a matter of this file's name; what the command prints, of the other's content.
            let token = site.directory.appending("home/token")
            let nginx = try Nginx(extra: """
                set $ok 0;
                if ($http_authorization = "Bearer t0ken-one") { set $ok 1$ok; }
                if (-f $document_root/one-has-expired) { set $ok 0; }
                if ($http_authorization = "Bearer t0ken-two") { set $ok 1; }
                if ($arg_sig != "qu3ry-s3cret") { return 403; }
                if ($ok = 0) { return 401; }
                """)
            defer { nginx.stop() }
            for name in try SystemCalls.list(site.output) where name.starts(with: Array("app".utf8)) {
                try nginx.put(String(decoding: name, as: UTF8.self), SystemCalls.contents(of: site.output.appending(bytes: name)))
            }
            try await site.shell("echo t0ken-one > \(token)")
            let command = "echo \"Authorization: Bearer $(cat \(token))\"; echo run >> \(site.directory)/home/runs"
            let address = nginx.address("/app.incfs") + "?sig=qu3ry-s3cret"
            try await site.mount(address, "--no-fill", "--header-command", command)
            #expect(try await site.read("read", "first", length: 300_000) == "same")
            // The token expires; the daemon is killed as well: its successor knows where to ask.
            try nginx.put("one-has-expired", [])
            try await site.shell("cd / && echo t0ken-two > \(token)")
            let before = try await site.report().daemonPid
            kill(before, SIGKILL)
            #expect(try await site.read("read", "second", length: 300_000) == "same")
            #expect(try await site.report().daemonPid != before)
            // The same for those that need no mount.
            #expect(try await site.incfs("ls", address, "--header-command", command).contains("second"))
            try await site.shell("\(site.programs)/incfs cat '\(address)' second --header-command '\(command)' | cmp - \(site.source)/second")
            let refused = try await site.tryIncfs("verify", "--insecure", nginx.address("/app.incfs") + "?sig=wrong", "--header-command", command)
            #expect(refused.status == 3 && refused.error.contains("403"), "\(refused)")

            // Nowhere a secret: not in what is said, not in what is logged, not in a process list, not in the store.
            var seen = try await site.incfs("status") + site.incfs("status", "--json", "--files") + site.log + refused.error + refused.output
            for process in try SystemCalls.list("/proc") where (try? SystemCalls.readLink(FilePath("/proc").appending(bytes: process).appending("exe"))).map({ String(decoding: $0, as: UTF8.self).contains("incfs") }) == true {
                for file in ["cmdline", "environ"] { seen += (try? SystemCalls.contents(of: FilePath("/proc").appending(bytes: process).appending(file))).map { String(decoding: $0, as: UTF8.self) } ?? "" }
            }
            seen += String(decoding: try SystemCalls.contents(of: FilePath("/proc/\(site.holder)/mountinfo")), as: UTF8.self)
            for secret in Self.secrets {
                #expect(!seen.contains(secret), "\(secret)")
                #expect(try await site.startShell("grep -rlF \(secret) \(site.store)").finish().output == "")
            }
            // The state that outlives a daemon has the command and not what it printed.
            let states = try await site.shell("for p in $(pgrep -x incfs-keeper); do for f in /proc/$p/fd/*; do case $(readlink $f) in /memfd:*) cat $f;; esac; done; done", as: .root)
            #expect(states.contains("header_command") || states.contains("headerCommand"))
            for secret in Self.secrets.prefix(2) { #expect(!states.contains(secret), "\(secret)") }
        }
    }

    @Test func aClientCertificateAndALogin() async throws {
        try await MountSite.with { site in
            try site.addRandom("data", count: 100_000, seed: 3)
            try await site.publish()
            let authority = try TestAuthority()
            let client = try authority.certificate("client")
            chmod(client.key, 0o600)
            try await site.shell("echo 'anna:{PLAIN}geheim-netrc' > \(site.directory)/users; chmod 644 \(site.directory)/users")
            let nginx = try Nginx(
                extra: "ssl_client_certificate \(authority.file); ssl_verify_client on; auth_basic here; auth_basic_user_file \(site.directory)/users;",
                certificate: try authority.certificate("server"))
            defer { nginx.stop() }
            for name in try SystemCalls.list(site.output) where name.starts(with: Array("app".utf8)) {
                try nginx.put(String(decoding: name, as: UTF8.self), SystemCalls.contents(of: site.output.appending(bytes: name)))
            }
            try await site.shell("umask 077; echo 'machine localhost login anna password geheim-netrc' > \(site.directory)/home/.netrc")
            let result = try await site.start(
                "\(site.programs)/incfs", ["mount", nginx.address("/app.incfs", host: "localhost"), site.mountpoint.string, "--client-cert", client.file, "--client-key", client.key],
                environment: ["SSL_CERT_FILE": authority.file]
            ).finish()
            #expect(result.status == 0, "\(result)")
            #expect(try await site.read("read", "data", length: 100_000) == "same")
            #expect(!site.log.contains("geheim-netrc"))
        }
    }

    /// The daemon may have been started by somebody with another environment.
    @Test(arguments: MountSite.User.allCases) func theProxyIsTheOneOfWhoMounts(user: MountSite.User) async throws {
        try await MountSite.with(user) { site in
            try site.addRandom("data", count: 300_000, seed: 5)
            let pin = try await site.publish()
            let nginx = try Nginx(), proxy = try ProxyServer(.http)
            defer { nginx.stop(); proxy.stop() }
            for name in try SystemCalls.list(site.output) where name.starts(with: Array("app".utf8)) {
                try nginx.put(String(decoding: name, as: UTF8.self), SystemCalls.contents(of: site.output.appending(bytes: name)))
            }
            // This machine, by a name for which proxies are asked.
            let address = nginx.address("/app.incfs", host: "127.1") + pin
            let handedOver = { try proxy.connections(to: "GET http://127.1:\(nginx.port)/app").count }
            func through(_ environment: [String: String], _ words: [String]) async throws -> Int {
                let before = try handedOver()
                let result = try await site.start("\(site.programs)/incfs", words, environment: environment).finish()
                #expect(result.status == 0, "\(result)")
                return try handedOver() - before
            }
            let variable = "http://127.0.0.1:\(proxy.port)"
            #expect(try await through([:], ["ls", address]) == 0)
            #expect(try await through(["http_proxy": variable, "no_proxy": "127.1"], ["cat", address, "data"]) == 0)
            #expect(try await through(["http_proxy": variable], ["mount", address, site.mountpoint.string, "--no-fill"]) == 0, "what is kept needs no network")
            try await site.incfs("unmount", site.mountpoint.string)
            try await site.incfs("store", "remove", "--unused")
            #expect(try await through(["http_proxy": variable], ["mount", address, site.mountpoint.string, "--no-fill"]) > 0)
            #expect(try await site.read("read", "data", length: 300_000) == "same")
        }
    }

    /// So may the authorities: they are a matter of who mounts, not of who started the daemon, and a path is one from where he is.
    @Test func theAuthoritiesAreThoseOfWhoMounts() async throws {
        try await MountSite.with(.root) { site in
            try site.addRandom("data", count: 300_000, seed: 6)
            let pin = try await site.publish()
            let authority = try TestAuthority()
            let nginx = try Nginx(certificate: try authority.certificate("server"))
            defer { nginx.stop() }
            for name in try SystemCalls.list(site.output) where name.starts(with: Array("app".utf8)) {
                try nginx.put(String(decoding: name, as: UTF8.self), SystemCalls.contents(of: site.output.appending(bytes: name)))
            }
            let address = nginx.address("/app.incfs", host: "localhost") + pin
            func mount(_ environment: [String: String]) async throws -> ChildProcess.Result {
                try await site.start("\(site.programs)/incfs", ["mount", address, site.mountpoint.string, "--no-fill"], environment: environment).finish()
            }
            let refused = try await mount([:])
            #expect(refused.status == 4 && refused.error.contains("certificate that is not accepted"), "\(refused)")
            // The daemon that refused is still there.
            let unreadable = try await mount(["SSL_CERT_FILE": "/nowhere/authority.pem"])
            #expect(unreadable.status == 4 && unreadable.error.contains("cannot read the CA certificates in /nowhere/authority.pem"), "\(unreadable)")
            let file = FilePath(authority.file)
            let result = try await site.shell("cd \(file.removingLastComponent()) && SSL_CERT_FILE=\(file.lastComponent!.string) \(site.programs)/incfs mount '\(address)' \(site.mountpoint) --no-fill && echo mounted")
            #expect(result.hasSuffix("mounted\n"), "\(result)")
            #expect(try await site.read("read", "data", length: 300_000) == "same")
        }
    }

    @Test(arguments: MountSite.User.allCases) func aProgramRunsFromAPrivateOrigin(user: MountSite.User) async throws {
        try await MountSite.with(user) { site in
            try site.addRandom("data", count: 300_000, seed: 4)
            try await site.shell("cd \(site.source); mkdir bin; printf '#!/bin/sh\\ncmp \"$INCFS_ROOT/data\" \(site.source)/data && echo same; env\\n' > bin/app; chmod 755 bin/app")
            try await site.incfs("publish", site.source.string, "-o", site.output.string, "--name", "app", "--entry", "bin/app")
            try await site.shell("echo 'anna:{PLAIN}geheim-netrc' > \(site.directory)/users; chmod 644 \(site.directory)/users", as: .root)
            let login = try Nginx(extra: "auth_basic here; auth_basic_user_file \(site.directory)/users;")
            let token = try Nginx(extra: "if ($http_authorization != \"Bearer t0ken-one\") { return 401; }")
            defer { for nginx in [login, token] { nginx.stop() } }
            for nginx in [login, token] { try await site.shell("cp \(site.output)/app* \(nginx.root); chmod 644 \(nginx.root)/*", as: .root) }
            let refused = try await site.tryIncfs("run", login.address("/app.incfs"))
            #expect(refused.status == 125 && refused.error.contains("401"), "\(refused)")
            try await site.shell("umask 077; echo 'machine 127.0.0.1 login anna password geheim-netrc' > \(site.directory)/home/.netrc; echo 'Authorization: Bearer t0ken-one' > \(site.directory)/home/header")
            for words in [[login.address("/app.incfs")], [token.address("/app.incfs"), "--header-command", "cat \(site.directory)/home/header"],
                          [token.address("/app.incfs"), "--header-file", "\(site.directory)/home/header"]] {
                let result = try await site.startIncfs(["run"] + words).finish()
                #expect(result.status == 0 && result.output.hasPrefix("same\n"), "\(result)")
                for secret in Self.secrets { #expect(!result.output.contains(secret) && !result.error.contains(secret) && !site.log.contains(secret), "\(secret)") }
            }
            try await CommandLineRunTests.nothingIsLeft(site)
        }
    }
}
