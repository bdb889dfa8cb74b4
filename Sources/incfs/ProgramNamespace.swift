import ControlAPI
import Glibc
import LinuxSystem

/// Becomes a program that sees a package at a place of its own, or may write beside it. `incfs run` starts itself with these words,
/// because what enters a namespace must not have a second thread.
struct ProgramNamespace {
    /// The first word; nothing that a person types.
    static let word = "--in-namespace"

    /// The package's mount.
    let root: FilePath
    /// Where the program sees it; nil: where it is.
    let at: FilePath?
    /// Keeps what the program writes; nil: it cannot write.
    let writable: FilePath?

    var words: [String] { [Self.word, root.string, at?.string ?? "", writable?.string ?? ""] }

    /// Does what `words` and the program's path, name and arguments say. Returns only with the exit status of a failure.
    static func execute(_ words: [String]) -> Int32 {
        guard words.count >= 6 else { return ExitStatus.runFailed.rawValue }
        let place = { (text: String) in text.isEmpty ? nil : FilePath(text) }
        let namespace = ProgramNamespace(root: FilePath(words[1]), at: place(words[2]), writable: place(words[3]))
        do {
            try namespace.enter()
        } catch {
            Terminal.report(error)
            return ExitStatus.runFailed.rawValue
        }
        do { try SystemCalls.execute(FilePath(words[4]), Array(words[5...])) } catch {
            Terminal.error("incfs: \(words[5]) cannot be started: \(error).")
            return (error == .noSuchFileOrDirectory ? ExitStatus.runNotFound : ExitStatus.runCannotStart).rawValue
        }
    }

    func enter() throws(ControlError) {
        do { try SystemCalls.enterMountNamespace(asUser: geteuid() != 0) } catch {
            throw ControlError(
                .permission, "Cannot make a mount namespace for the program: \(error).",
                hint: "The system may not let its users have namespaces: see “sysctl kernel.unprivileged_userns_clone user.max_user_namespaces”, or run it as root.", errno: error.rawValue)
        }
        if let at { try make(at) }
        let target = at ?? root
        if let writable {
            let layer = WritableLayer(directory: writable)
            try layer.claim()
            return try layer.mount(over: root, at: target)
        }
        do { try SystemCalls.bindMount(root, at: target) } catch {
            throw ControlError(.internalFailure, "Cannot show the package at \(target): \(error).", errno: error.rawValue)
        }
    }

    /// Makes the directory `at` where it does not exist, for the program alone: over its closest directory that exists lies memory in which
    /// everything else of that directory is shown.
    private func make(_ at: FilePath) throws(ControlError) {
        if let status = try? SystemCalls.status(of: at) {
            guard status.kind == .directory else { throw ControlError(.usage, "\(at) is not a directory: a package cannot be shown there.", exit: .runFailed) }
            return
        }
        var existing = at
        while (try? SystemCalls.status(of: existing)) == nil { existing.removeLastComponent() }
        guard existing.string != "/" else {
            throw ControlError(.usage, "\(at) does not exist, and nothing can be made in / for a program alone.", hint: "Make the directory \(at), empty, or choose a place below another directory.", exit: .runFailed)
        }
        do {
            let names = try SystemCalls.list(existing)
            let original = try SystemCalls.open(existing, flags: SystemCalls.pathOnly | O_DIRECTORY).take()
            defer { SystemCalls.close(original) }
            try SystemCalls.mountMemory(at: existing)
            for name in names { try show(name, of: FilePath("/proc/self/fd/\(original)"), in: existing) }
            try SystemCalls.makeDirectories(at, mode: 0o755)
        } catch {
            throw ControlError(.internalFailure, "Cannot make \(at) for the program: \(error).", hint: "Make the directory \(at), empty.", errno: error.rawValue)
        }
    }

    private func show(_ name: [UInt8], of original: FilePath, in directory: FilePath) throws(Errno) {
        let source = original.appending(bytes: name), target = directory.appending(bytes: name)
        switch try SystemCalls.status(of: source, followSymbolicLinks: false).kind {
        case .directory: try SystemCalls.makeDirectories(target, mode: 0o755)
        case .symbolicLink:
            let text = try SystemCalls.readLink(source).map { CChar(bitPattern: $0) } + [0]
            if target.withPlatformString({ symlink(text, $0) }) < 0 { throw Errno(rawValue: errno) }
            return
        default: try SystemCalls.open(target, flags: O_WRONLY | O_CREAT | O_EXCL, mode: 0o600).close()
        }
        try SystemCalls.bindMount(source, at: target)
    }
}
