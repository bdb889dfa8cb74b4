import BlockLoading
import FoundationEssentials
import Glibc
import LinuxSystem
import Synchronization
import Testing
import TestOrigins

@testable import HTTPSource

/// Private origins: nginx from Debian asks for what opens it.
@Suite final class PrivateOriginTests {
    private let directory: String

    init() {
        var template = Array("/tmp/private-origin-XXXXXX".utf8CString)
        directory = template.withUnsafeMutableBufferPointer { String(cString: mkdtemp($0.baseAddress!)!) }
        chmod(directory, 0o755)
    }

    deinit { try? SystemCalls.removeTree(FilePath(directory)) }

    static let file = Array("an envelope, or something like it".utf8)
    private let expected = Array(file[3..<13])

    private func read(_ address: String, _ secrets: OriginSecrets, authorities: String? = nil) async throws -> Result<[UInt8], SourceError> {
        var configuration = HTTPSourceConfiguration()
        configuration.secrets = secrets
        configuration.authorities = authorities
        configuration.proxy = ProxySettings { _ in nil }
        let source = try HTTPSource(address: address, configuration: configuration)
        let result: Result<[UInt8], SourceError>
        do { result = .success(try await source.read(path: [], offset: 3, length: 10)) } catch { result = .failure(error) }
        await source.shutdown()
        return result
    }

    private func scratch(_ name: String, _ text: String, mode: UInt16 = 0o600) throws -> String {
        let path = "\(directory)/\(UUID().uuidString)-\(name)"
        let file = try SystemCalls.open(FilePath(path), flags: O_WRONLY | O_CREAT | O_EXCL)
        try Array(text.utf8).withUnsafeBytes { try SystemCalls.writeAll(file.rawValue, $0) }
        chmod(path, mode_t(mode))
        return path
    }

    /// nginx that wants “anna” with “geheim”.
    private func basic() throws -> Nginx {
        let users = try scratch("htpasswd", "anna:{PLAIN}geheim\n", mode: 0o644)
        let nginx = try Nginx(extra: "auth_basic here; auth_basic_user_file \(users);")
        try nginx.put("app.incfs", Self.file)
        return nginx
    }

    /// nginx that wants the bearer token that this file holds now.
    private func bearer(_ token: String) throws -> Nginx {
        let nginx = try Nginx(extra: "set $ok 0; if ($http_authorization = \"Bearer \(token)\") { set $ok 1; } if ($ok = 0) { return 401; }")
        try nginx.put("app.incfs", Self.file)
        return nginx
    }

    @Test func aLoginInNetrc() async throws {
        let nginx = try basic()
        defer { nginx.stop() }
        let address = nginx.address("/app.incfs")
        let netrc = try scratch("netrc", "# mine\nmachine other login x password y\nmachine 127.0.0.1\n  login anna password geheim\n")
        #expect(try await read(address, OriginSecrets(netrc: netrc)).get() == expected)
        // Only for the exact host: not for a default, and not for another name of the same machine.
        for text in ["default login anna password geheim\n", "machine localhost login anna password geheim\n"] {
            guard case .failure(let error) = try await read(address, OriginSecrets(netrc: try scratch("netrc", text))) else { Issue.record("opened by \(text)"); continue }
            #expect(error.message.contains("401") && !error.message.contains("geheim"))
        }
        // A file that others may read is refused, and says what to do.
        guard case .failure(let error) = try await read(address, OriginSecrets(netrc: try scratch("netrc", "machine 127.0.0.1 login anna password geheim", mode: 0o644))) else {
            Issue.record("used"); return
        }
        #expect(error.message.contains("chmod 600") && !error.message.contains("geheim"), "\(error)")
    }

    @Test func headersOfAFile() async throws {
        let nginx = try bearer("s3cret")
        defer { nginx.stop() }
        let file = try scratch("headers", "# for the mirror\r\nAuthorization: Bearer s3cret\r\n\r\nX-Team: one\r\n")
        #expect(try await read(nginx.address("/app.incfs"), OriginSecrets(headerFile: file)).get() == expected)
        for (text, word) in [("no colon", "line 1 has no colon"), ("A: b\nHost: evil", "sets Host"), ("A b: c", "name of a header"), ("A: \u{1}", "control character")] {
            guard case .failure(let error) = try await read(nginx.address("/app.incfs"), OriginSecrets(headerFile: try scratch("headers", text))) else { Issue.record("\(text)"); continue }
            #expect(error.message.contains(word) && error.kind == .final(errno: EACCES), "\(error)")
        }
        // Not in the clear to another machine.
        guard case .failure(let error) = try await read("http://192.0.2.1/app.incfs", OriginSecrets(headerFile: file)) else { Issue.record("sent"); return }
        #expect(error.message.contains("not sent in the clear") && !error.message.contains("s3cret"), "\(error)")
    }

    @Test func aCommandIsRunAgainWhenItsTokenHasExpired() async throws {
        // The command gives “old” first and then “new”, which is what the origin takes by now.
        let count = try scratch("count", "")
        let command = "echo x >> \(count); if [ $(wc -l < \(count)) = 1 ]; then echo 'Authorization: Bearer old'; else echo 'Authorization: Bearer new'; fi"
        let origin = try bearer("new")
        defer { origin.stop() }
        let base = try OriginURL(origin.address("/app.incfs"))
        let headers = SecretHeaders(OriginSecrets(headerCommand: command), base: base)
        // Single flight: eight that need headers together run it once.
        let editions = await withTaskGroup(of: Int.self) { group in
            for _ in 0..<8 { group.addTask { (try? await headers.current().number) ?? -1 } }
            return await group.reduce(into: []) { $0.append($1) }
        }
        #expect(editions == Array(repeating: 1, count: 8))
        #expect(try String(decoding: SystemCalls.contents(of: FilePath(count)), as: UTF8.self) == "x\n")
        // Eight that were refused together as well.
        let old = try await headers.current()
        let newer = await withTaskGroup(of: String.self) { group in
            for _ in 0..<8 { group.addTask { (try? await headers.renewed(after: old)?.headers.first?.value) ?? "" } }
            return await group.reduce(into: []) { $0.append($1) }
        }
        #expect(newer == Array(repeating: "Bearer new", count: 8))
        #expect(try String(decoding: SystemCalls.contents(of: FilePath(count)), as: UTF8.self) == "x\nx\n")
        // The whole way: refused with the first token, let in with the origin.
        truncate(count, 0)
        #expect(try await read(origin.address("/app.incfs"), OriginSecrets(headerCommand: command)).get() == expected)
        #expect(try origin.requests().map(\.status) == [401, 206])
    }

    /// Many clients whose tokens end together do not run their commands together: each waits for a part of a second of its own, and nobody before the first.
    @Test func commandsRunAgainAtDifferentTimes() async throws {
        let pauses = Mutex<[UInt64]>([])
        for _ in 0..<20 {
            let headers = SecretHeaders(OriginSecrets(headerCommand: "echo 'Authorization: Bearer x'"), base: try OriginURL("http://127.0.0.1:1/app.incfs")) { pause in
                pauses.withLock { $0.append(pause) }
            }
            let before = pauses.withLock { $0.count }, first = try await headers.current()
            #expect(pauses.withLock { $0.count } == before)
            _ = try await headers.renewed(after: first)
        }
        let waited = pauses.withLock { $0 }
        #expect(waited.count == 20 && waited.allSatisfy { $0 <= 1000 } && Set(waited).count > 10, "\(waited)")
    }

    @Test func aCommandThatFailsSaysSoWithoutWhatItPrinted() async throws {
        for (command, word) in [
            ("echo 'Authorization: Bearer s3cret'; exit 3", "ended with status 3"), ("kill -9 $$", "signal 9"), ("yes s3cret", "more than 65536 bytes"), ("echo s3cret", "no colon"),
        ] {
            guard case .failure(let error) = try await read("http://127.0.0.1:1/app.incfs", OriginSecrets(headerCommand: command)) else { Issue.record("\(command)"); continue }
            #expect(error.message.contains(word) && !error.message.contains("s3cret"), "\(error)")
        }
        #expect(throws: HeaderCommand.Failure.self) { try HeaderCommand.run("sleep 60", timeLimit: 1) }
    }

    @Test func secretsStayWithTheirHost() async throws {
        let seen = try Nginx(extra: "if ($http_authorization) { return 418; } if ($http_x_key) { return 418; }")
        defer { seen.stop() }
        try seen.put("app.incfs", Self.file)
        let away = try Nginx(extra: "location / { return 302 http://localhost:\(seen.port)/app.incfs; }")
        defer { away.stop() }
        let file = try scratch("headers", "Authorization: Bearer s3cret\nX-Key: k\n")
        #expect(try await read(away.address("/app.incfs"), OriginSecrets(headerFile: file)).get() == expected)
        // The same headers do arrive where they belong.
        guard case .failure(let error) = try await read(seen.address("/app.incfs"), OriginSecrets(headerFile: file)) else { Issue.record("not sent"); return }
        #expect(error.message.contains("418"), "\(error)")
    }

    @Test func aClientCertificate() async throws {
        let authority = try TestAuthority()
        let client = try authority.certificate("client")
        chmod(client.key, 0o600)
        let nginx = try Nginx(extra: "ssl_client_certificate \(authority.file); ssl_verify_client on;", certificate: try authority.certificate("server"))
        defer { nginx.stop() }
        try nginx.put("app.incfs", Self.file)
        let address = nginx.address("/app.incfs", host: "localhost")
        #expect(try await read(address, OriginSecrets(clientCertificate: client.file, clientKey: client.key), authorities: authority.file).get() == expected)
        guard case .failure(let none) = try await read(address, OriginSecrets(), authorities: authority.file) else { Issue.record("let in without"); return }
        #expect(none.message.contains("400"), "\(none)")
        chmod(client.key, 0o644)
        guard case .failure(let open) = try await read(address, OriginSecrets(clientCertificate: client.file, clientKey: client.key), authorities: authority.file) else { Issue.record("open key used"); return }
        #expect(open.message.contains("chmod 600"), "\(open)")
        guard case .failure(let missing) = try await read(address, OriginSecrets(clientCertificate: "/nowhere.pem"), authorities: authority.file) else { Issue.record("no file"); return }
        #expect(missing.message.contains("/nowhere.pem"), "\(missing)")
    }

    @Test func netrcAsPeopleWriteIt() {
        func login(_ text: String, _ host: String = "h") -> String? { Netrc.login(for: host, in: Array(text.utf8)).map { "\($0.name):\($0.password)" } }
        #expect(login("machine h login a password b") == "a:b")
        #expect(login("machine h\n\tlogin a\n\taccount z\n\tpassword \"b c\\\"d\"\n") == "a:b c\"d")
        #expect(login("machine g login x password y machine H login a password b machine h login c password d") == "a:b")
        #expect(login("macdef init\nmachine h login x password y\n\nmachine h login a password b") == "a:b")
        #expect(login("machine h login a password #b # comment") == "a:#b")
        #expect(login("machine h password b") == ":b")
        for text in ["", "machine", "machine h", "machine h login a", "machine h login a password", "default login a password b", "machine hh login a password b"] { #expect(login(text) == nil) }
    }

    @Test func limitsOfHeaderLines() throws {
        let line = Array("A: b\n".utf8)
        #expect(try HeaderLines(parsing: Array(repeatElement(line, count: HeaderLines.lineLimit).joined())).headers.count == HeaderLines.lineLimit)
        #expect(throws: HeaderLines.Invalid.self) { try HeaderLines(parsing: Array(repeatElement(line, count: HeaderLines.lineLimit + 1).joined())) }
        #expect(try HeaderLines(parsing: [UInt8](repeating: 32, count: HeaderLines.byteLimit)).headers.isEmpty)
        #expect(throws: HeaderLines.Invalid.self) { try HeaderLines(parsing: [UInt8](repeating: 32, count: HeaderLines.byteLimit + 1)) }
    }
}
