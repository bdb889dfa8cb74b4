import BlockLoading
import BlockStore
import ControlAPI
import Glibc
import IncrementalFS
import LinuxSystem
import PackageFormat
import VolumeCore

/// Packages without a mount: `fetch`, `ls`, `cat`. The same store, the same checks, the same loader.
extension Daemon {
    func fetch(_ request: FetchRequest, progress: @escaping ProgressReporter) async throws -> FetchReport {
        let directory = FilePath(request.directory)
        try refuseOurOwn(directory)
        try await offPool { try Self.explained { () throws(ExtractionError) in try PackageExtraction.checkPlace(directory) } }
        return try await withPackage(request.package, fill: true, explaining: progress) { package, reader in
            let volume = package.volume
            while true {
                let status = try await offPool { volume.status() }
                let loader = package.loader.statistics
                // What the fill gave up is asked for once more by the reader, which then says why.
                if status.isComplete || (loader.fillDone && loader.skipped > 0) { break }
                // A mount's fill waits for room; who asked for a directory has to make some.
                if try await offPool({ Self.lacksRoom(loader, volume) }) { throw try await offPool { self.noRoom(volume, status) } }
                progress(ProgressReport(
                    done: status.presentBlocks, total: status.totalBlocks, bytesPerSecond: Double(loader.rate), note: status.waitReason))
                try await Task.sleep(for: .milliseconds(250))
            }
            let total = volume.totalBlocks
            progress(ProgressReport(done: total, total: total, note: "writing \(directory)"))
            let cancelled = CancelFlag()
            let cloned = try await withTaskCancellationHandler {
                try await offPool {
                    let extraction = PackageExtraction(package, reader: reader, directory: directory)
                    try Self.explained(missing: Self.code(ofFailure: package.loader.statistics)) { () throws(ExtractionError) in try extraction.run { cancelled.isSet } }
                    return extraction.filesCloned
                }
            } onCancel: {
                cancelled.set()
            }
            let manifest = volume.manifest
            return FetchReport(
                directory: request.directory, name: manifest.name, release: manifest.release, root: package.root.description, files: manifest.files,
                bytes: manifest.bytes, bytesFetched: package.loader.statistics.bytesFetched, filesCloned: cloned)
        }
    }

    func list(_ request: ListRequest) async throws -> ListReport {
        try await using { try await opening {
            // Names, kinds and sizes are in the head: nothing else is asked of the origin.
            let package = try await open(Self.mountRequest(request.package, fill: false))
            let result: Result<ListReport, any Error>
            do {
                let tree = package.volume.tree
                let node = try Self.node(request.path, package)
                result = .success(try await offPool { ListReport(entries: Self.entries(tree, node, request.path.bytes, request.recursive)) })
            } catch { result = .failure(error) }
            await package.stop()
            return try result.get()
        } }
    }

    func cat(_ request: CatRequest, content: @escaping ContentWriter) async throws {
        try await withPackage(request.package, fill: false) { package, reader in
            let number = try Self.node(request.path, package)
            let node = package.volume.tree.node(number)
            guard node.kind == .regular else {
                throw ControlError(
                    .usage, "\(request.path.path) in \(package.source.name) is \(node.kind == .directory ? "a directory" : "a symbolic link").", hint: "See what is there with: incfs ls")
            }
            try await offPool {
                var bytes = [UInt8](repeating: 0, count: 256 << 10)
                var offset: UInt64 = 0
                while offset < node.size {
                    let count: Int
                    do { count = try bytes.withUnsafeMutableBytes { try reader.read(node: number, at: offset, into: $0) } } catch let error as Errno {
                        if error.rawValue == ECANCELED { throw CancellationError() }
                        throw ControlError(
                            Self.code(ofFailure: package.loader.statistics), "\(request.path.path) cannot be had from byte \(offset) on: \(package.volume.status().lastError ?? "\(error)")",
                            errno: error.rawValue)
                    }
                    guard count > 0 else { return }
                    try content(Array(bytes[..<count]))
                    offset += UInt64(count)
                }
            }
        }
    }

    // MARK: Parts

    /// Whether the store cannot take what is still missing.
    private static func lacksRoom(_ loader: LoaderStatistics, _ volume: PackageVolume) -> Bool {
        loader.lacksRoom || loader.storageFailures > 0 && volume.roomForFill() == 0
    }

    private func noRoom(_ volume: PackageVolume, _ status: VolumeStatus) -> ControlError {
        let space = (try? store.freeSpace()) ?? (free: 0, total: 0)
        let missing = (status.totalBlocks - min(status.presentBlocks, status.totalBlocks)) * 4096
        return ControlError(
            .disk,
            "The disk of the store \(store.directory) is nearly full: \(space.free >> 20) MiB are free, of which \(PackageVolume.freeSpaceFloor(ofTotal: space.total) >> 20) MiB stay free; "
                + "up to \((missing + 0xfffff) >> 20) MiB of \(volume.manifest.name) are still to come.",
            hint: "Make room, with 'incfs store remove --unused' for one, or choose another store with --store DIR; what was fetched is kept.", errno: ENOSPC)
    }

    /// Opens a package, serves `body` with its loader running, and ends all that whatever happens.
    private func withPackage<Value: Sendable>(
        _ reference: PackageReference, fill: Bool, explaining progress: @escaping ProgressReporter = { _ in }, _ body: (OpenedPackage, PackageReader) async throws -> Value
    ) async throws -> Value {
        try await using { try await opening {
            let package = try await open(Self.mountRequest(reference, fill: fill), explaining: progress)
            let reader = PackageReader(package)
            package.start()
            let result: Result<Value, any Error>
            do {
                result = .success(try await withTaskCancellationHandler { try await body(package, reader) } onCancel: { reader.cancel() })
            } catch { result = .failure(error) }
            reader.stop()
            await package.stop()
            _ = try? await offPool { try self.store.commit() }
            return try result.get()
        } }
    }

    /// There is no mount point: what stands for it in log lines is the address without its secrets.
    static func mountRequest(_ package: PackageReference, fill: Bool) -> MountRequest {
        MountRequest(
            address: package.address, root: package.root, mountpoint: PackageOrigin.display(address: package.address), fill: fill, insecure: package.insecure,
            requirePin: package.requirePin, network: package.network, access: package.access)
    }

    private static func node(_ path: WirePath, _ package: OpenedPackage) throws -> Int {
        guard let node = package.volume.node(atPath: path.bytes) else {
            throw ControlError(.usage, "There is no \(path.path) in \(package.source.name).", hint: "See what is there with: incfs ls")
        }
        return node
    }

    private static func entries(_ tree: PackageTree, _ node: Int, _ path: [UInt8], _ recursive: Bool) -> [ListEntry] {
        let prefix = Array(path.split(separator: UInt8(ascii: "/")).joined(separator: [UInt8(ascii: "/")]))
        guard tree.node(node).kind == .directory else { return [entry(tree, node, prefix)] }
        var entries: [ListEntry] = []
        for i in tree.entries(of: node) {
            let (name, child) = tree.entry(i)
            let inner = prefix + (prefix.isEmpty ? [] : [UInt8(ascii: "/")]) + Array(name)
            entries.append(entry(tree, child, inner))
            if recursive, tree.node(child).kind == .directory { entries += Self.entries(tree, child, inner, true) }
        }
        return entries
    }

    private static func entry(_ tree: PackageTree, _ number: Int, _ path: [UInt8]) -> ListEntry {
        let node = tree.node(number)
        let kind: ListEntry.Kind = switch node.kind {
        case .regular: .file
        case .directory: .directory
        case .symbolicLink: .symlink
        }
        return ListEntry(
            path: WirePath(bytes: path), kind: kind, mode: node.mode, linkCount: node.linkCount, size: node.size, modifiedSeconds: node.modifiedSeconds,
            modifiedNanoseconds: node.modifiedNanoseconds, target: node.kind == .symbolicLink ? WirePath(bytes: Array(tree.linkTarget(of: number))) : nil)
    }

    /// The daemon never touches a path below a mount that it serves itself.
    private func refuseOurOwn(_ directory: FilePath) throws {
        let mounts = state.withLock { $0.mounts.values.map(\.mountpoint) }
        if let mount = mounts.first(where: { directory.string == $0 || directory.string.hasPrefix($0 + "/") }) {
            throw ControlError(.usage, "\(directory) lies in the package mounted at \(mount), which is read-only.", hint: "Name a directory elsewhere.")
        }
    }

    /// `missing`: what it means that a file of the package cannot be read.
    private static func explained<Value>(missing: @autoclosure () -> ControlError.Code = .originUnreachable, _ body: () throws(ExtractionError) -> Value) throws -> Value {
        do throws(ExtractionError) { return try body() } catch {
            let code: ControlError.Code = switch error.kind {
            case .cancelled: .cancelled
            case .disk: .disk
            case .content: missing()
            case .place: [.permissionDenied, .notPermitted, .readOnlyFileSystem].contains(error.errno) ? .permission : .usage
            }
            throw ControlError(code, error.message, hint: error.hint, errno: error.errno?.rawValue)
        }
    }
}
