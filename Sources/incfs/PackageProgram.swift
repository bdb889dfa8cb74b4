import ControlAPI
import Glibc
import LinuxSystem

/// A program inside a mounted package.
struct PackageProgram {
    /// Where a bare name is looked for, in this order.
    private static let directories = ["", "bin", "usr/bin"]

    /// What is executed.
    let path: FilePath
    /// What the program sees as its own name: its path in the mount, which it finds its files by.
    let name: String

    /// Finds `text` in the package mounted at `root`. Links that are absolute, or lead out, are taken inside the package.
    ///
    /// - Throws: exit status 127 when there is none, 126 when it cannot be a program.
    init(_ text: String, root: FilePath) throws(ControlError) {
        let handle: OwnedDescriptor
        do { handle = try SystemCalls.open(root, flags: O_RDONLY | O_DIRECTORY) } catch {
            throw ControlError(.internalFailure, "The mount at \(root) cannot be read: \(error).", exit: .runFailed, errno: error.rawValue)
        }
        let candidates = text.contains("/") ? [text] : Self.directories.map { $0.isEmpty ? text : $0 + "/" + text }
        for candidate in candidates {
            let inside = Self.lexically(candidate)
            // O_PATH: looks without reading.
            guard let found = try? SystemCalls.open(FilePath(inside.isEmpty ? "." : inside), inRoot: handle.rawValue, flags: SystemCalls.pathOnly),
                  let status = try? SystemCalls.status(of: found.rawValue) else { continue }
            if status.kind == .directory && candidates.count > 1 { continue }
            guard status.kind == .regular else { throw ControlError(.usage, "\(candidate) in the package is not a program but a directory.", exit: .runCannotStart) }
            guard status.mode & 0o111 != 0 else { throw ControlError(.permission, "\(candidate) in the package is not executable.", exit: .runCannotStart, errno: EACCES) }
            name = root.string + "/" + inside
            // The path itself where it stays inside, as scripts look beside themselves; else what it leads to in the package.
            let stays = (try? SystemCalls.open(Array(inside.utf8), beneath: handle.rawValue, flags: SystemCalls.pathOnly)) != nil
            let target = stays ? nil : try? SystemCalls.readLink(FilePath("/proc/self/fd/\(found.rawValue)"))
            path = target.map { FilePath(String(decoding: $0, as: UTF8.self)) } ?? FilePath(name)
            return
        }
        throw ControlError(.usage, "There is no \(text) in the package" + (candidates.count > 1 ? ", neither in its bin or usr/bin." : "."),
                           hint: "PROGRAM is a path inside the package, like bin/app.", exit: .runNotFound, errno: ENOENT)
    }

    /// Without `.`, `..` and empty components; the root is its own parent.
    static func lexically(_ text: String) -> String {
        var parts: [Substring] = []
        for part in text.split(separator: "/") where part != "." {
            if part == ".." { _ = parts.popLast() } else { parts.append(part) }
        }
        return parts.joined(separator: "/")
    }
}
