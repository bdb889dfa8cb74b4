import BlockLoading
import ControlAPI
import IncrementalFS
import LinuxSystem
import Synchronization

extension Daemon {
    /// Between two words on how far it is.
    private static let verifyMilliseconds: UInt64 = 250

    func verify(_ request: VerifyRequest, progress: @escaping ProgressReporter) async throws -> VerifyReport {
        try await using {
            if let mountpoint = request.mountpoint { return try await verify(try mount(at: mountpoint).mounted.package, progress) }
            guard let address = request.address else { throw ControlError(.usage, "Say which mount point or address to verify.") }
            return try await opening {
                let package = try await open(
                    Self.mountRequest(PackageReference(address: address, root: request.root, insecure: request.insecure, network: request.network, access: request.access), fill: false))
                do {
                    try await package.loadIndex()
                    let report = try await verify(package, progress)
                    await package.stop()
                    return report
                } catch {
                    await package.stop()
                    throw error
                }
            }
        }
    }

    private func verify(_ package: OpenedPackage, _ progress: @escaping ProgressReporter) async throws -> VerifyReport {
        let cancelled = CancelFlag()
        return try await withTaskCancellationHandler {
            let volume = package.volume
            let problems = try await offPool {
                var next = MonotonicTime.now
                return volume.verify { done, total in
                    if MonotonicTime.now >= next {
                        progress(ProgressReport(done: done, total: total))
                        next = .now.adding(milliseconds: Self.verifyMilliseconds)
                    }
                    return !cancelled.isSet
                }
            }
            try Task.checkCancellation()
            let status = try await offPool { volume.status() }
            let bad = problems.reduce(UInt64(0)) { $0 + UInt64($1.lastBlock - $1.firstBlock + 1) }
            return VerifyReport(
                blocksChecked: status.presentBlocks + bad, blocksMissing: status.totalBlocks - min(status.totalBlocks, status.presentBlocks + bad),
                problems: problems.map {
                    VerifyProblem(
                        path: WirePath(bytes: $0.path), firstBlock: UInt64($0.firstBlock), blockCount: UInt64($0.lastBlock - $0.firstBlock + 1), problem: $0.problem)
                })
        } onCancel: {
            cancelled.set()
        }
    }
}

/// A flag that one side sets and the other looks at.
final class CancelFlag: Sendable {
    private let flag = Atomic(false)
    var isSet: Bool { flag.load(ordering: .relaxed) }
    func set() { flag.store(true, ordering: .relaxed) }
}
