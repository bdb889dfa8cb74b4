import BlockLoading
import Glibc
import LinuxSystem
import Synchronization

/// The headers that open a private origin, read when they are first needed and again when the origin has refused them: once for
/// all requests that were refused together. They go to the origin of the address and to no other, and not in the clear unless
/// the origin is this machine.
final class SecretHeaders: Sendable {
    /// Headers as they were at one time.
    struct Edition: Sendable {
        var number: Int
        var headers: [(name: String, value: String)]
    }
    /// A command runs again after a random part of this time (milliseconds), so that many clients whose tokens end together do not
    /// ask for new ones together.
    static let jitter: UInt64 = 1000
    /// An edition younger than this (milliseconds) that is refused is not replaced: the refusal is meant.
    static let youth: UInt64 = 2000

    private struct State {
        var edition: Edition?
        var readAt = MonotonicTime.now
        /// The reading under way, which everybody waits for.
        var reading: Task<Edition, any Error>?
    }
    private let secrets: OriginSecrets
    private let base: OriginURL
    private let state = Mutex(State())
    private let pause: @Sendable (_ milliseconds: UInt64) async throws -> Void

    /// `pause`: how the time before a command runs again passes; tests do not wait.
    init(
        _ secrets: OriginSecrets, base: OriginURL,
        pause: @escaping @Sendable (_ milliseconds: UInt64) async throws -> Void = { try await Task.sleep(for: .milliseconds($0)) }
    ) {
        self.secrets = secrets
        self.base = base
        self.pause = pause
    }

    /// What goes with a request to the address's own origin.
    func current() async throws(SourceError) -> Edition {
        if let edition = state.withLock({ $0.edition }) { return edition }
        return try await read(replacing: nil)
    }

    /// After a 401 or 403 to `refused`: newer headers; nil if there are none to hope for.
    func renewed(after refused: Edition) async throws(SourceError) -> Edition? {
        let (newer, young) = state.withLock { state -> (Edition?, Bool) in
            guard let edition = state.edition else { return (nil, false) }
            if edition.number != refused.number { return (edition, false) }
            return (nil, state.reading == nil && MonotonicTime.now.since(state.readAt) < Self.youth * 1_000_000)
        }
        if let newer { return newer }
        if young && refused.number > 1 { return nil }
        if secrets.headerCommand == nil {
            let again = try await read(replacing: refused)
            return again.headers.elementsEqual(refused.headers) { $0 == $1 } ? nil : again
        }
        return try await read(replacing: refused)
    }

    private func read(replacing old: Edition?) async throws(SourceError) -> Edition {
        let task = state.withLock { state -> Task<Edition, any Error> in
            if let edition = state.edition, edition.number != old?.number { return Task { edition } }
            if let reading = state.reading { return reading }
            let number = (state.edition?.number ?? 0) + 1
            let task = Task.detached { [self] in
                defer { readingEnded() }
                if old != nil, secrets.headerCommand != nil { try await pause(UInt64.random(in: 0...Self.jitter)) }
                let headers = try await load()
                let edition = Edition(number: number, headers: headers)
                self.state.withLock { $0.edition = edition; $0.readAt = .now }
                return edition
            }
            state.reading = task
            return task
        }
        do { return try await task.value } catch let error as SourceError { throw error } catch {
            throw SourceError(.temporary, "\(base.display): the headers for it cannot be read: \(error)")
        }
    }

    private func readingEnded() { state.withLock { $0.reading = nil } }

    private func load() async throws -> [(name: String, value: String)] {
        let secrets = self.secrets, base = self.base
        return try await offPool { try Self.load(secrets, base) }
    }

    // MARK: Reading (blocks)

    private static func load(_ secrets: OriginSecrets, _ base: OriginURL) throws -> [(name: String, value: String)] {
        var headers: [(name: String, value: String)] = []
        if let path = secrets.headerFile {
            let bytes: [UInt8]
            do { bytes = try SystemCalls.contents(of: FilePath(path), limit: HeaderLines.byteLimit + 1) } catch {
                throw SourceError(.temporary, "\(base.display): cannot read the header file \(path): \(error)")
            }
            headers += try lines(bytes, "the header file \(path)", base)
        }
        if let command = secrets.headerCommand {
            let bytes: [UInt8]
            do { bytes = try HeaderCommand.run(command) } catch {
                throw SourceError(.temporary, "\(base.display): the header command \(error.message); run it by hand to see why")
            }
            headers += try lines(bytes, "what the header command printed", base)
        }
        if let path = secrets.netrc, base.credentials == nil, !headers.contains(where: { $0.name.lowercased() == "authorization" }), let login = try netrc(path, base) {
            headers.append(("Authorization", ClientPool.basicHeader(login.name, login.password)))
        }
        if !headers.isEmpty, !base.isSecure, !base.isLoopback {
            if secrets.headerFile == nil && secrets.headerCommand == nil { return [] }
            throw SourceError(.final(errno: EACCES), "\(base.display) is plain http: secret headers are not sent in the clear; use its https address")
        }
        return headers
    }

    private static func lines(_ bytes: [UInt8], _ what: String, _ base: OriginURL) throws(SourceError) -> [(name: String, value: String)] {
        do throws(HeaderLines.Invalid) { return try HeaderLines(parsing: bytes).headers } catch {
            throw SourceError(.final(errno: EACCES), "\(base.display): \(what) cannot be used: \(error.message); it needs lines like “Authorization: Bearer …”")
        }
    }

    private static func netrc(_ path: String, _ base: OriginURL) throws(SourceError) -> (name: String, password: String)? {
        let bytes: [UInt8], mode: UInt32
        do {
            bytes = try SystemCalls.contents(of: FilePath(path), limit: Netrc.limit)
            mode = try SystemCalls.status(of: FilePath(path)).mode
        } catch { return nil }
        guard let login = Netrc.login(for: base.host, in: bytes) else { return nil }
        guard mode & 0o077 == 0 else {
            throw SourceError(.final(errno: EACCES), "\(path) has a login for \(base.host), but others may read that file: chmod 600 '\(path)'")
        }
        return login
    }
}
