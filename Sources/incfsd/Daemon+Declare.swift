import BlockLoading
import ControlAPI
import Glibc
import IncrementalFS
import LinuxSystem
import PackageFormat
import VolumeCore

/// What matters first: files that somebody says will be waited for come right after what readers wait for.
extension Daemon {
    /// How often declared files are looked at.
    private static let pause: Duration = .milliseconds(200)

    func prefetch(_ request: PrefetchRequest) async throws {
        let mount = try mount(at: request.mountpoint)
        let volume = mount.mounted.package.volume
        var nodes: [Int] = []
        for path in request.paths {
            guard let node = volume.node(atPath: path.bytes) else {
                throw ControlError(.usage, "There is no \(path.path) in the package at \(request.mountpoint).", hint: "Give paths as they are below the mount point.")
            }
            nodes.append(node)
        }
        let declared = nodes, start = MonotonicTime.now
        // Answered at once; what a file consists of may have to come first.
        Task {
            var left = try await offPool { declared.flatMap { volume.files(below: $0) } }
            while !left.isEmpty, !mount.ending.load(ordering: .acquiring) {
                let files = left
                // Whose index page cannot be had for good is not asked for again and again.
                left = try await offPool {
                    files.filter { !volume.prefetch(node: volume.tree.node($0)) && volume.finalFailure(node: volume.tree.node($0), since: start) == nil }
                }
                if !left.isEmpty { try await Task.sleep(for: Self.pause) }
            }
        }
    }

    /// Waits for what matches any of the patterns.
    func wait(for patterns: [WirePath], _ request: WaitRequest, _ progress: @escaping ProgressReporter) async throws {
        let mount = try mount(at: request.mountpoint)
        let volume = mount.mounted.package.volume
        let files = try await offPool { try Self.matches(patterns, volume, request.mountpoint) }
        let total = files.reduce(UInt64(0)) { $0 + (volume.tree.node($1).size + 4095) / 4096 }
        let clock = ContinuousClock()
        let end = request.timeoutSeconds.map { clock.now + .seconds($0) }
        var left = files
        var undeclared = files
        let start = MonotonicTime.now
        while true {
            let (waiting, asking) = (left, undeclared)
            (left, undeclared) = try await offPool {
                let missing = try waiting.filter { !(try Self.isHere($0, volume)) }
                return (missing, asking.filter { !volume.prefetch(node: volume.tree.node($0)) })
            }
            guard let first = left.first else { return }
            let loader = mount.mounted.package.loader
            let waited = left
            if let (node, failure) = try await offPool({ () -> (Int, (error: Errno, reason: String))? in
                for node in waited { if let failure = volume.finalFailure(node: volume.tree.node(node), since: start) { return (node, failure) } }
                return nil
            }) {
                let name = String(decoding: volume.tree.path(of: node), as: UTF8.self)
                throw ControlError(Self.code(ofFailure: loader.statistics), "\(name) cannot be had: \(failure.reason).", errno: failure.error.rawValue)
            }
            if mount.ending.load(ordering: .acquiring) {
                throw ControlError(.notMounted, "\(request.mountpoint) was unmounted before everything was there.")
            }
            let status = try await offPool { mount.status(files: false) }
            if let end, clock.now >= end {
                let name = String(decoding: volume.tree.path(of: first), as: UTF8.self)
                throw ControlError(
                    .timedOut, "Not everything is there after \(request.timeoutSeconds ?? 0) s: \(left.count) of \(files.count) files are missing, the first is \(name).",
                    hint: status.waitReason)
            }
            let missing = left.reduce(UInt64(0)) { $0 + (volume.tree.node($1).size + 4095) / 4096 }
            progress(ProgressReport(done: total - missing, total: total, bytesPerSecond: status.rateBytesPerSecond, note: status.waitReason))
            try await Task.sleep(for: end.map { min(Self.pause, max(.zero, $0 - clock.now)) } ?? Self.pause)
        }
    }

    private static func isHere(_ node: Int, _ volume: PackageVolume) throws -> Bool {
        switch volume.isPresent(node: volume.tree.node(node)) {
        case .success(let here): return here
        case .failure(let error):
            let name = String(decoding: volume.tree.path(of: node), as: UTF8.self)
            throw ControlError(.originUnreachable, "\(name) cannot be had: \(volume.status().lastError ?? "\(error)")", errno: error.rawValue)
        }
    }

    /// The files that match: glob(7) against whole paths inside the package; a directory stands for all below it.
    private static func matches(_ patterns: [WirePath], _ volume: PackageVolume, _ mountpoint: String) throws -> [Int] {
        var found: [Int] = []
        for pattern in patterns {
            var some = false
            // The pattern's own slashes at the ends are not part of a path inside.
            let text = pattern.bytes.split(separator: UInt8(ascii: "/")).joined(separator: [UInt8(ascii: "/")]) + [0]
            let bytes = Array(text)
            for node in 0..<volume.tree.nodeCount where names(node, volume).contains(where: { path in fits(path, bytes) }) {
                some = true
                found += volume.files(below: node)
            }
            if !some {
                throw ControlError(
                    .usage, "Nothing in the package at \(mountpoint) matches \(pattern.path).",
                    hint: "Patterns are of paths below the mount point; * stays within one name. See them with: incfs status --files \(mountpoint)")
            }
        }
        var seen: Set<Int> = []
        return found.filter { seen.insert($0).inserted }
    }

    private static func names(_ node: Int, _ volume: PackageVolume) -> [[UInt8]] { [volume.tree.path(of: node)] }

    private static func fits(_ path: [UInt8], _ pattern: [UInt8]) -> Bool {
        (path + [0]).withUnsafeBytes { path in
            pattern.withUnsafeBytes { pattern in
                fnmatch(pattern.baseAddress!.assumingMemoryBound(to: CChar.self), path.baseAddress!.assumingMemoryBound(to: CChar.self), FNM_PATHNAME) == 0
            }
        }
    }
}
