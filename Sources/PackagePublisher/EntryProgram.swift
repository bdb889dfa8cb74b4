import Glibc
import LinuxSystem

/// The program that a package is run with, as its path inside the published directory.
enum EntryProgram {
    /// `path` without empty and `.` components, once it is sure that an executable file lies there. Links mean what they will mean
    /// in the package: the directory is the root of everything.
    ///
    /// - Throws: `invalidOption` when there is none, or what is there is no program.
    static func inside(_ source: FilePath, _ path: [UInt8]) throws(PublishError) -> [UInt8] {
        let text = String(decoding: path, as: UTF8.self)
        let components = path.split(separator: UInt8(ascii: "/")).filter { !$0.elementsEqual([UInt8(ascii: ".")]) }
        guard !components.isEmpty, !components.contains(where: { $0.elementsEqual(Array("..".utf8)) }) else {
            throw .invalidOption("the entry “\(text)” is not a path inside \(source)")
        }
        let inside = Array(components.joined(separator: [UInt8(ascii: "/")]))
        let status: FileStatus
        do {
            let root = try SystemCalls.open(source, flags: O_RDONLY | O_DIRECTORY)
            let path = components.reduce(FilePath("/")) { $0.appending(bytes: Array($1)) }
            // O_PATH: looks without opening.
            let file = try SystemCalls.open(path, inRoot: root.rawValue, flags: SystemCalls.pathOnly)
            status = try SystemCalls.status(of: file.rawValue)
        } catch {
            if error == .noSuchFileOrDirectory || error == .notDirectory { throw .invalidOption("there is no \(text) in \(source) that could be the entry") }
            throw .system(error, doing: "look for the entry in", source)
        }
        guard status.kind == .regular, status.mode & 0o111 != 0 else { throw .invalidOption("\(text) in \(source) cannot be the entry: it is not an executable file") }
        return inside
    }
}
