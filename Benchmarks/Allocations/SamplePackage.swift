import BlockStore
import Glibc
import LinuxSystem
import PackageFormat
import PackagePublisher
import VolumeCore

/// A published file of random bytes, and a volume over it into which the publisher's bytes can be put without a loader.
struct SamplePackage {
    static let fileSize = 32 << 20
    let directory: FilePath
    let volume: PackageVolume

    init(in directory: FilePath) throws {
        self.directory = directory
        let tree = directory.appending("tree")
        try SystemCalls.makeDirectory(tree)
        let random = try SystemCalls.open("/dev/urandom", flags: O_RDONLY)
        let file = try SystemCalls.open(tree.appending("data"), flags: O_WRONLY | O_CREAT | O_TRUNC)
        var bytes = [UInt8](repeating: 0, count: 1 << 20)
        for _ in 0..<(Self.fileSize >> 20) {
            try bytes.withUnsafeMutableBytes { buffer in
                _ = try SystemCalls.read(random.rawValue, into: buffer)
                try SystemCalls.writeAll(file.rawValue, UnsafeRawBufferPointer(buffer))
            }
        }
        var options = PublishOptions()
        options.name = "sample"
        let summary = try Publisher.publish(directory: tree, output: directory, options: options)
        let envelope = try Self.contents(summary.envelope)
        let head = try envelope.withUnsafeBytes { try PackageHead(parsing: $0, expectedRoot: summary.root) }
        let store = try PlainStore(directory: directory.appending("store"))
        volume = PackageVolume(head: head, store: store, configuration: VolumeConfiguration())
        for page in 0..<volume.index.pageCount { try deliver(LoadUnit(.indexPage, UInt64(page)), from: [:], envelope) }
    }

    private static func contents(_ path: FilePath) throws -> [UInt8] {
        let file = try SystemCalls.open(path, flags: O_RDONLY)
        let size = Int(try SystemCalls.status(of: file.rawValue).size)
        var bytes = [UInt8](repeating: 0, count: size)
        let count = try bytes.withUnsafeMutableBytes { try SystemCalls.preadAll(file.rawValue, into: $0, at: 0) }
        guard count == size else { throw Errno.ioError }
        return bytes
    }

    private func deliver(_ unit: LoadUnit, from files: [[UInt8]: [UInt8]], _ envelope: [UInt8]) throws {
        guard let place = volume.location(of: unit) else { throw Errno.noSuchFileOrDirectory }
        let bytes = place.path.isEmpty ? envelope : files[place.path] ?? []
        let range = Int(place.offset)..<Int(place.offset) + place.length
        guard bytes[range].withUnsafeBytes({ volume.deliver(unit, $0, source: "memory") }) == .stored else { throw Errno.ioError }
    }

    /// Puts every chunk into the store.
    func fill() throws {
        var files: [[UInt8]: [UInt8]] = [:]
        for chunk in 0..<volume.chunkCount {
            let unit = LoadUnit(.chunk, chunk)
            if let path = volume.location(of: unit)?.path, files[path] == nil {
                files[path] = try Self.contents(directory.appending(String(decoding: path, as: UTF8.self)))
            }
            try deliver(unit, from: files, [])
        }
    }

    /// Hashes, syncs and renames what is whole; returns when that is done.
    func complete() {
        let volume = self.volume
        let thread = Thread(name: "completion") { volume.runCompletion() }
        while !volume.isComplete { usleep(1000) }
        volume.stopCompletion()
        thread.join()
    }
}
