import FUSEProtocol
import FUSESession
import Glibc
import LinuxSystem
import Synchronization

/// A file system that does what a test wants, told by the node id and the offset.
final class ScriptedFileSystem: FUSEFileSystem {
    /// Node ids that mean something.
    static let present: UInt64 = 7, forgetful: UInt64 = 8
    /// READs from this offset on are parked.
    static let missing: UInt64 = 1 << 30

    private struct State: Sendable {
        var parked: [UInt64: (reply: ParkedReply, pid: Int32)] = [:]
        var interrupted: [UInt64] = []
        var forgotten: UInt64 = 0
        var threads: Set<Int32> = []
    }
    private let state = Condition(State())

    /// What a present block holds: its offset's low byte, all over.
    static func content(_ offset: UInt64, _ size: Int) -> [UInt8] { [UInt8](repeating: UInt8(truncatingIfNeeded: offset >> 12), count: size) }

    func handle(_ request: borrowing FUSERequest, _ reply: consuming FUSEReply, buffer: UnsafeMutableRawBufferPointer) {
        state.update { _ = $0.threads.insert(SystemCalls.threadID()) }
        let unique = request.header.unique
        switch request.operation {
        case .read(let read):
            if request.header.nodeID == Self.forgetful { return }
            if read.offset >= Self.missing {
                let parked = reply.park()
                let pid = Int32(bitPattern: request.header.pid)
                state.update { $0.parked[unique] = (parked, pid) }
                return
            }
            precondition(buffer.count >= 1 << 20 && UInt(bitPattern: buffer.baseAddress!) % 4096 == 0)
            let target = UnsafeMutableRawBufferPointer(rebasing: buffer[..<Int(read.size)])
            target.initializeMemory(as: UInt8.self, repeating: UInt8(truncatingIfNeeded: read.offset >> 12))
            reply.data(UnsafeRawBufferPointer(target))
        case .lookup(let name):
            if Array(name) == Array("there".utf8) {
                reply.entry(FUSEEntry(nodeID: 9, attributes: FUSEAttributes(ino: 9, size: 5, mode: 0o100644, nlink: 1)))
            } else {
                reply.error(.noSuchFileOrDirectory)
            }
        case .getattr: reply.attributes(FUSEAttributes(ino: 7, size: 5, mode: 0o100644, nlink: 1), validSeconds: 60)
        case .open: reply.open(fh: 3, flags: .keepCache)
        case .statfs: reply.statfs(FUSEStatfs(blocks: 1, files: 2))
        case .lseek(_, let offset, _): reply.lseek(offset + 1)
        case .getxattr: reply.xattrSize(11)
        case .poll: reply.poll(1)
        case .ioctl(let ioctl): reply.ioctl(result: 3, ioctl.input)
        case .release: reply.ok()
        case .forget(let count):
            state.update { $0.forgotten += count }
            reply.error(.ioError)  // nobody waits: this must not be sent
        case .modifying: reply.error(.readOnlyFileSystem)
        default: reply.error(.noFunction)
        }
    }

    func processID(ofParked unique: UInt64) -> Int32? { state.withLock { $0.parked[unique]?.pid } }

    func interruptParked(unique: UInt64) {
        take(unique)?.error(.interrupted)
        state.update { $0.interrupted.append(unique) }
    }

    /// Removes a parked reply from the table: whoever gets it answers.
    func take(_ unique: UInt64) -> ParkedReply? { state.update { $0.parked.removeValue(forKey: unique)?.reply } }

    /// Waits until `unique` is parked.
    func waitUntilParked(_ unique: UInt64) throws {
        guard state.wait(until: MonotonicTime.now.adding(milliseconds: 10_000), { $0.parked[unique] == nil ? nil : true }) == true else { throw FakeKernel.Silence() }
    }

    var interrupted: [UInt64] { state.withLock { $0.interrupted } }
    /// Waits until lookups were forgotten, and says how many.
    func waitForForgotten() throws -> UInt64 {
        guard let count = state.wait(until: MonotonicTime.now.adding(milliseconds: 10_000), { $0.forgotten == 0 ? nil : $0.forgotten }) else { throw FakeKernel.Silence() }
        return count
    }
    var threadCount: Int { state.withLock { $0.threads.count } }
}
