import Glibc
import LinuxSystem
import VolumeCore

/// Reads the files of an opened package that is not mounted, and waits for what is missing. Takes the place of a mount: one
/// reader for a package, and none beside a `MountedPackage`. Threads: callable from any; reads block, so never from the cooperative pool.
public final class PackageReader: VolumeDelegate, Sendable {
    private struct State {
        var next: UInt64 = 1
        /// Reads under way, with their answer once it is there.
        var answers: [UInt64: Result<Void, Errno>?] = [:]
        var cancelled = false
    }
    private let volume: PackageVolume
    private let state = Condition(State())

    public init(_ package: OpenedPackage) {
        volume = package.volume
        volume.setDelegate(self)
    }

    /// Reads up to `buffer.count` bytes (below 2 GiB) of node `number` at `offset`; 0 at and past the end of the file.
    ///
    /// - Throws: `EIO` when the answer is final (damaged, gone at the origin), `ETIME` after the volume's read time-out, `ECANCELED`
    ///   after `cancel`.
    public func read(node number: Int, at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(Errno) -> Int {
        let node = volume.tree.node(number)
        var losses = 0
        while true {
            switch volume.read(node: node, at: offset, into: buffer) {
            case .bytes(let count): return count
            case .failed(let error): throw error
            case .missing: try wait(for: number, at: offset, length: buffer.count, losses: &losses)
            }
        }
    }

    /// Ends the reads that wait, and all later ones that would.
    public func cancel() { state.update { $0.cancelled = true } }

    /// Lets go of the package. After the last read has returned.
    public func stop() {
        volume.dropPending()
        volume.setDelegate(nil)
    }

    private func wait(for number: Int, at offset: UInt64, length: Int, losses: inout Int) throws(Errno) {
        guard let object = volume.tree.node(number).objectNumber else { throw .ioError }
        let unique = state.withLock { state in
            defer { state.next += 1 }
            state.answers[state.next] = .some(nil)
            return state.next
        }
        defer { state.withLock { $0.answers[unique] = nil } }
        var read = PendingRead(
            unique: unique, descriptor: -1, processID: 0, node: UInt32(number), object: object, offset: offset, size: UInt32(length), isDirect: true, since: .now,
            deadline: nil)
        read.losses = losses
        volume.park(read)
        let answer = state.wait { state -> Result<Void, Errno>? in
            if let answer = state.answers[unique] ?? nil { return answer }
            return state.cancelled ? .failure(Errno(rawValue: ECANCELED)) : nil
        }
        if case .failure(let error) = answer ?? .failure(.ioError) {
            volume.interrupt(unique: unique)
            throw error
        }
        losses += 1
        if losses >= PendingRead.lossLimit {
            volume.gaveUp(read)
            throw .ioError
        }
    }

    // MARK: VolumeDelegate

    public func answer(_ reads: [PendingRead]) {
        state.update { state in for read in reads where state.answers[read.unique] != nil { state.answers[read.unique] = .success(()) } }
    }

    public func fail(_ read: PendingRead, errno: Errno) {
        state.update { state in if state.answers[read.unique] != nil { state.answers[read.unique] = .failure(errno) } }
    }
}
