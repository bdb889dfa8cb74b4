import ControlAPI
import FoundationEssentials
import Glibc
import LinuxSystem

extension MountSite {
    /// Starts a program inside, as the site's user or as root.
    public func start(_ program: String, _ arguments: [String], as other: User? = nil, environment: [String: String] = [:]) throws -> ChildProcess {
        var words = ["nsenter", "-t", "\(holder)", "-m", "--"]
        if (other ?? user) == .nobody { words += ["setpriv", "--reuid", "nobody", "--regid", "nogroup", "--clear-groups", "--"] }
        let variables = [
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", "HOME": "\(directory)/home", "XDG_RUNTIME_DIR": "\(directory)/run",
            "XDG_STATE_HOME": "\(directory)/home", "INCFS_STORE": store.string, "INCFS_LINGER": "5",
        ].merging(environment) { $1 }
        return try ChildProcess("/usr/bin/nsenter", words + [program] + arguments, environment: variables.map { "\($0.key)=\($0.value)" })
    }

    public func startShell(_ script: String, as other: User? = nil) throws -> ChildProcess { try start("/bin/sh", ["-c", script], as: other) }

    /// Runs a shell script to its end. A status other than 0 is a failure.
    @discardableResult
    public func shell(_ script: String, as other: User? = nil, seconds: Double = 60) async throws -> String {
        let result = try await startShell(script, as: other).finish(seconds: seconds)
        guard result.status == 0 else { throw MountTestFailure("“\(script)”: \(result)") }
        return result.output
    }

    public func startIncfs(_ arguments: [String]) throws -> ChildProcess { try start("\(programs)/incfs", arguments) }

    /// Runs `incfs` to its end, whatever its status.
    public func tryIncfs(_ arguments: String...) async throws -> ChildProcess.Result { try await startIncfs(arguments).finish() }

    /// Runs `incfs`; a status other than 0 is a failure.
    @discardableResult
    public func incfs(_ arguments: String...) async throws -> String { try await incfs(arguments) }

    @discardableResult
    public func incfs(_ arguments: [String]) async throws -> String {
        let result = try await startIncfs(arguments).finish()
        guard result.status == 0 else { throw MountTestFailure("incfs \(arguments.joined(separator: " ")): \(result)") }
        return result.output
    }

    /// Publishes `source`; returns the fragment that pins it.
    @discardableResult
    public func publish(inPlace: Bool = false, to place: FilePath? = nil) async throws -> String {
        let text = try await incfs(
            ["publish", source.string, "-o", (place ?? output).string, "--name", "app", "--release", "1", "--json"] + (inPlace ? ["--in-place"] : []))
        struct Published: Decodable { var address_fragment: String }
        return try JSONDecoder().decode(Published.self, from: Data(text.utf8)).address_fragment
    }

    /// Mounts at the site's mount point.
    public func mount(_ address: String? = nil, _ options: String...) async throws {
        try await incfs(["mount", address ?? "\(output)/app.incfs", mountpoint.string] + options)
    }

    /// Starts the probe program.
    public func probe(_ arguments: [String], environment: [String: String] = [:]) throws -> ChildProcess {
        try start("\(programs)/mount-probe", arguments, environment: environment)
    }

    /// Starts to read a part of a file of the mount and to compare it with the source.
    public func reader(_ method: String, _ name: String, at offset: Int = 0, length: Int, environment: [String: String] = [:]) throws -> ChildProcess {
        try probe([method, "\(mountpoint)/\(name)", "\(source)/\(name)", "\(offset)", "\(length)"], environment: environment)
    }

    /// What such a reader says: `same` if all is well.
    public func read(_ method: String, _ name: String, at offset: Int = 0, length: Int) async throws -> String {
        let result = try await reader(method, name, at: offset, length: length).finish()
        return String(result.output.split(separator: "\n").last ?? "nothing; \(result)")
    }

    // MARK: Looking from outside

    /// What the daemon says of everything.
    public func report(files: Bool = false) async throws -> StatusReport {
        let socket = directory.appending("run/incfs").appending(ControlPlaces(uid: 0).socket(forRealStore: store).lastComponent!)
        return try await onThread {
            let client = try ControlClient(connectingTo: socket)
            guard case .status(let report) = try client.call(.status(StatusRequest(files: files)), timeoutSeconds: 20) else { throw MountTestFailure("not a status") }
            return report
        }
    }

    /// The state of the mount.
    public func status() async throws -> MountStatus {
        guard let mount = try await report().mounts.first(where: { $0.mountpoint == mountpoint.string }) else { throw MountTestFailure("the daemon has no mount at \(mountpoint)") }
        return mount
    }

    /// Waits until the mount is in a state.
    @discardableResult
    public func reaches(_ what: String, seconds: Double = 30, _ condition: @Sendable (MountStatus) -> Bool) async throws -> MountStatus {
        try await eventually("the mount \(what)", seconds: seconds) { [self] in
            let status = try await status()
            return condition(status) ? status : nil
        }
    }

    /// Waits until these processes wait for blocks.
    public func waiting(_ readers: ChildProcess...) async throws { try await waiting(readers) }

    public func waiting(_ readers: [ChildProcess]) async throws {
        let wanted = Set(readers.map { UInt32($0.pid) })
        do { try await reaches("has the readers \(wanted) waiting", seconds: 20) { wanted.isSubset(of: $0.waits.map(\.pid)) } } catch {
            throw MountTestFailure("\(error); waiting are \(try await status().waits), and \(readers.map { "\($0.pid) \($0.state ?? "?")" })")
        }
    }

    /// The file systems of incfs that are mounted inside.
    public var mounts: [String] {
        guard let bytes = try? SystemCalls.contents(of: FilePath("/proc/\(holder)/mountinfo")) else { return [] }
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").filter { $0.contains(" fuse.incfs ") }.map { String($0.split(separator: " ")[4]) }
    }

    /// The names of the processes inside, the guardian's aside.
    public var processes: [String] {
        guard let names = try? SystemCalls.list("/proc") else { return [] }
        return names.compactMap { name -> String? in
            let place = FilePath("/proc").appending(bytes: name)
            guard (try? SystemCalls.readLink(place.appending("ns/mnt"))) == namespace, let command = try? SystemCalls.contents(of: place.appending("comm")) else { return nil }
            let text = String(decoding: command, as: UTF8.self)
            return text == "sh\n" || text == "cat\n" ? nil : String(text.dropLast())
        }
    }

    /// What the keeper and its daemons have logged.
    public var log: String {
        let file = user == .root ? directory.appending("log/incfs.log") : directory.appending("home/incfs/log")
        return (try? SystemCalls.contents(of: file)).map { String(decoding: $0, as: UTF8.self) } ?? ""
    }

    /// Writes a file below the source, with bytes that do not compress.
    public func addRandom(_ name: String, count: Int, seed: UInt64) throws {
        let bytes = [UInt8](unsafeUninitializedCapacity: (count + 7) / 8 * 8) { buffer, initialized in
            var state = seed &* 0x9e37_79b9_7f4a_7c15 | 1
            buffer.withMemoryRebound(to: UInt64.self) { words in
                for i in words.indices {
                    state ^= state << 13
                    state ^= state >> 7
                    state ^= state << 17
                    words[i] = state
                }
            }
            initialized = (count + 7) / 8 * 8
        }
        let file = try SystemCalls.open(source.appending(name), flags: O_WRONLY | O_CREAT | O_TRUNC, mode: 0o644)
        try bytes.withUnsafeBytes { try SystemCalls.writeAll(file.rawValue, UnsafeRawBufferPointer(rebasing: $0[..<count])) }
    }
}
