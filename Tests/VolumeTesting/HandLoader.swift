import BlockStore
import LinuxSystem
import VolumeCore

/// A loader that brings only what the test tells it to, straight from the origin's bytes.
public struct HandLoader: Sendable {
    public let package: PublishedPackage
    public let volume: PackageVolume

    public init(_ package: PublishedPackage, _ volume: PackageVolume) {
        self.package = package
        self.volume = volume
    }

    /// A volume over the store in `directory`, all index pages delivered.
    public static func start(
        _ package: PublishedPackage, in directory: FilePath, index: Bool = true, configuration: VolumeConfiguration = VolumeConfiguration()
    ) throws -> HandLoader {
        let loader = HandLoader(package, PackageVolume(head: package.head, store: try PlainStore(directory: directory), configuration: configuration))
        if index { loader.deliverIndex() }
        return loader
    }

    public func deliverIndex() { for page in 0..<volume.index.pageCount { deliver(LoadUnit(.indexPage, UInt64(page))) } }

    /// Delivers the unit as it lies at the origin, or changed on the way.
    @discardableResult
    public func deliver(_ unit: LoadUnit, changing change: (inout [UInt8]) -> Void = { _ in }) -> Delivery {
        guard var bytes = package.bytes(of: unit, in: volume) else { preconditionFailure("nothing lies at the origin for \(unit)") }
        change(&bytes)
        return bytes.withUnsafeBytes { volume.deliver(unit, $0, source: "test") }
    }

    public func deliver(chunk: Int) { deliver(LoadUnit(.chunk, UInt64(chunk))) }

    public func deliverEverything() { for chunk in 0..<Int(volume.chunkCount) { deliver(chunk: chunk) } }

    public func node(_ path: String) -> Int { volume.node(atPath: Array(path.utf8))! }
}
