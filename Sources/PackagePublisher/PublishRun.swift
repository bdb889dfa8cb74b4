import Glibc
import Integrity
import LinuxSystem
import PackageFormat

/// One publish, from listing to renaming.
final class PublishRun {
    private let source: FilePath
    private let target: FilePath
    private let name: String
    private let options: PublishOptions
    private let cancellation: PublishCancellation?
    private let progress: ((PublishProgress) -> Void)?
    private var state = PublishProgress()
    private var entry: [UInt8] = []
    private var lastReport = MonotonicTime(nanoseconds: 0)

    init(_ source: FilePath, _ target: FilePath, _ name: String, _ options: PublishOptions, _ cancellation: PublishCancellation?, _ progress: ((PublishProgress) -> Void)?) {
        self.source = source
        self.target = target
        self.name = name
        self.options = options
        self.cancellation = cancellation
        self.progress = progress
    }

    func run() throws(PublishError) -> PublishSummary {
        let base = options.inPlace ? try base() : []
        entry = try options.entry.map { (path) throws(PublishError) in try EntryProgram.inside(source, path) } ?? []
        let names = OutputNames(name)
        let final = target.appending(bytes: names.envelope)
        let envelope = try UnfinishedFile(target.appending(bytes: names.unfinishedEnvelope), final: final)
        let pack = options.inPlace ? nil : try UnfinishedFile(target.appending(bytes: names.unfinishedPack), final: final)
        let output = pack.map { PackOutput($0.descriptor, $0.path) }

        var scan = try list(names)
        let content = try write(scan, output)
        for (node, object) in content.assignments {
            scan.tree[Int(node)].object = object
            scan.tree[Int(node)].dataBytes = content.tables.dataBytes[Int(object)]
        }
        var encoding = try encode(scan, content, base: base)
        var packPaths: [FilePath] = []
        if let output, output.length > 0 {
            let packName = names.pack(encoding.indexDigest())
            encoding.manifest.source = .packed([.init(name: packName, size: output.length)])
            packPaths = [target.appending(bytes: packName)]
        }
        let root = try encoding.write { (bytes, offset) throws(PublishError) in
            do throws(Errno) { try SystemCalls.pwriteAll(envelope.descriptor, bytes, at: offset) } catch { throw .system(error, doing: "write", envelope.path) }
        }
        try checkCancelled()
        try finish(envelope, as: final, pack, as: packPaths.first)
        return summary(encoding, root, final, packPaths)
    }

    private func base() throws(PublishError) -> [UInt8] {
        if let base = options.base { return base }
        return try InPlaceBase.path(from: target, to: source)
    }

    private func list(_ names: OutputNames) throws(PublishError) -> DirectoryScan {
        let own: FileStatus
        do { own = try SystemCalls.status(of: target) } catch { throw .system(error, doing: "look at", target) }
        let scan = try DirectoryScan(
            source,
            skips: { $0.inode == own.inode && $0.device == own.device && names.isOwn($1) },
            report: { (entries) throws(PublishError) in
                state.entries = entries
                try tick()
            })
        state.entries = scan.tree.nodeCount
        state.bytesTotal = scan.bytes
        return scan
    }

    private func write(_ scan: DirectoryScan, _ output: PackOutput?) throws(PublishError) -> ContentWriter {
        let cores = options.threads ?? max(1, sysconf(CInt(_SC_NPROCESSORS_ONLN)))
        // A context, its scratch and its share of the window take about 2 MiB and 14 chunks; all threads together at most 160 MiB.
        let threads = max(1, min(cores, (160 << 20) / ((2 << 20) + 14 * Int(options.chunkSize))))
        let pool = WorkPool(threads: threads, level: options.level, chunkSize: Int(options.chunkSize))
        defer { pool.close() }
        let writer = ContentWriter(options: options, pool: pool, output: output) { (done, stored) throws(PublishError) in
            self.state.bytesDone = done
            self.state.storedBytes = stored
            try self.tick()
        }
        try writer.write(count: scan.fileCount, file: scan.file)
        progress?(state)
        return writer
    }

    private func encode(_ scan: DirectoryScan, _ content: ContentWriter, base: [UInt8]) throws(PublishError) -> PackageEncoding {
        let time = options.time ?? scan.newest
        var manifest = PackageManifest(
            name: name, release: options.release, sequence: options.sequence ?? UInt64(max(0, time)), time: time, chunkSize: options.chunkSize,
            source: options.inPlace ? .inPlace(basePath: base, note: options.note) : .packed([]))
        manifest.storedBytes = content.storedBytes
        manifest.entry = entry
        let tables = content.tables
        do throws(PackageError) {
            return try PackageEncoding(
                manifest: manifest, tree: scan.tree.encoded(objectCount: tables.objects.count), objects: tables.objects, extents: tables.extents, chunks: tables.chunks)
        } catch { throw .format(error) }
    }

    /// Data first, then the name that makes it count: whoever sees the envelope sees its pack.
    private func finish(_ envelope: UnfinishedFile, as final: FilePath, _ pack: UnfinishedFile?, as packPath: FilePath?) throws(PublishError) {
        if let pack, let packPath {
            try pack.sync()
            try envelope.sync()
            try pack.publish(as: packPath)
        } else {
            try envelope.sync()
        }
        try envelope.publish(as: final)
        do { try SystemCalls.syncDirectory(target) } catch { throw .system(error, doing: "write to disk", target) }
    }

    private func summary(_ encoding: PackageEncoding, _ root: Digest, _ envelope: FilePath, _ packs: [FilePath]) -> PublishSummary {
        let manifest = encoding.manifest
        return PublishSummary(
            root: root, envelope: envelope, packs: packs, files: manifest.files, directories: manifest.directories, symbolicLinks: manifest.symbolicLinks,
            objects: encoding.objects.count, chunks: encoding.chunks.count, bytes: manifest.bytes, dataBytes: manifest.dataBytes, storedBytes: manifest.storedBytes,
            envelopeBytes: encoding.envelopeLength, treeBytes: manifest.tree.storedLength)
    }

    private func checkCancelled() throws(PublishError) { if cancellation?.isCancelled == true { throw .cancelled } }

    private func tick() throws(PublishError) {
        try checkCancelled()
        guard let progress else { return }
        let now = MonotonicTime.now
        guard now.since(lastReport) >= 50_000_000 else { return }
        lastReport = now
        progress(state)
    }
}
