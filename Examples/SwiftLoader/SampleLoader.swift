// A complete data loader in Swift: shows a directory on a mount of the Incremental FS before any of its data is there.
//
//   incfs-sample-loader-swift SOURCE MOUNT [--exit]
//
// What somebody waits for is stored at once, the rest in the background. With --exit it ends when everything is there. It may be
// killed at any time and started again.
import DataLoader
import Glibc
import LinuxSystem
import SystemPackage

@main struct SampleLoader {
    /// Blocks that the background stores at once: nobody waits longer than they take.
    static let batch = 32

    static func main() async {
        let words = CommandLine.arguments.dropFirst()
        let places = words.filter { $0 != "--exit" }.map { FilePath($0) }
        guard places.count == 2 else {
            complain("usage: incfs-sample-loader-swift SOURCE MOUNT [--exit]")
            exit(2)
        }
        do {
            try await load(places[0], at: places[1], leaving: words.contains("--exit"))
        } catch {
            complain("\(error)")
            exit(1)
        }
    }

    /// Until everything is there, if it is to leave then; else until the mount is gone.
    static func load(_ source: FilePath, at place: FilePath, leaving: Bool) async throws {
        let mount = try ContractMount(containing: place)
        let files = try create(on: mount, from: source)
        print("\(files.count) files")
        fflush(nil)
        let demand = Task { await serve(files, mount) }
        // Reading files blocks: on a thread, not on the cooperative pool.
        await withCheckedContinuation { continuation in
            Thread(name: "background") {
                for file in files { file.storeAll() }
                continuation.resume()
            }.detach()
        }
        if leaving { demand.cancel() }
        await demand.value
        let complete = try mount.isComplete()
        if leaving && !complete { throw Errno.noData }
    }

    static func complain(_ message: String) {
        let line = Array("incfs-sample-loader-swift: \(message)\n".utf8)
        line.withUnsafeBytes { _ = try? SystemCalls.write(2, $0) }
    }

    /// Creates every directory and regular file below `source`. A file's metadata is its path.
    static func create(on mount: ContractMount, from source: FilePath) throws -> [SourceFile] {
        var files: [SourceFile] = [], open: [FilePath] = [FilePath("")]
        while let directory = open.popLast() {
            for name in try SystemCalls.list(source.appending(directory.string)) {
                let path = directory.appending(bytes: name), place = source.appending(path.string)
                let facts = try SystemCalls.status(of: place, followSymbolicLinks: false), mode = FilePermissions(rawValue: facts.mode & 0o7777)
                if facts.kind == .directory {
                    try mount.createDirectories(path, mode: mode)
                    open.append(path)
                } else if facts.kind == .regular {
                    try createFile(path, size: Int64(facts.size), mode, on: mount)
                    let id = FileID(metadata: Array(path.string.utf8))
                    files.append(try SourceFile(place, size: Int64(facts.size), id: id, target: mount.openToFill(id)))
                }
            }
        }
        return files
    }

    /// What an earlier loader created is as good.
    static func createFile(_ path: FilePath, size: Int64, _ mode: FilePermissions, on mount: ContractMount) throws(Errno) {
        let metadata = Array(path.string.utf8)
        do throws(Errno) {
            try mount.createFile(path, size: size, id: FileID(metadata: metadata), mode: mode, metadata: Array(metadata.prefix(512)))
        } catch {
            if error != .fileExists { throw error }
        }
    }

    /// Until it is cancelled or the mount is gone.
    static func serve(_ files: [SourceFile], _ mount: ContractMount) async {
        let byID = Dictionary(uniqueKeysWithValues: files.map { ($0.id, $0) })
        for await read in mount.pendingReads() {
            guard let file = byID[read.file] else { continue }
            // A block that cannot be stored fails its own reader, when his time is over.
            Thread(name: "demand") { file.store(from: read.block, count: 1) }.detach()
        }
    }
}
