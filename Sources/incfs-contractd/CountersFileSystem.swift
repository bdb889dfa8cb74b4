import ContractControl
import ContractVolume
import FUSEProtocol
import FUSESession
import Glibc
import LinuxSystem
import Synchronization

/// `features/` and `instances/NAME/` as files of one line.
///
/// A mount's directory is known by name and by the entry in the registry that it had: what is opened of a mount that is gone, or
/// that has another name now, can be read no more.
final class CountersFileSystem: FUSEFileSystem {
    private static let features = ["corefs", "zstd", "v2", "bugfix_throttling", "bugfix_inode_eviction", "bugfix_retry_page_fault"]

    private enum Item: Hashable, Sendable {
        case root, features, instances
        case feature(Int)
        case instance(String, Identity)
        case counter(String, Identity, Int)
    }
    /// Which entry of the registry it is.
    private struct Identity: Hashable, Sendable {
        var inode: UInt64
        var seconds: Int64
        var nanoseconds: UInt32
    }
    private struct State: Sendable {
        var items: [UInt64: Item] = [1: .root]
        var ids: [Item: UInt64] = [.root: 1]
    }
    private let state = Mutex(State())

    private func item(_ id: UInt64) -> Item? { state.withLock { $0.items[id] } }

    private func id(_ item: Item) -> UInt64 {
        state.withLock { state in
            if let id = state.ids[item] { return id }
            let id = UInt64(state.items.count) + 1
            state.items[id] = item
            state.ids[item] = id
            return id
        }
    }

    private func identity(_ name: String) -> Identity? {
        guard let status = try? SystemCalls.status(of: ContractPlaces.instances.appending(name), followSymbolicLinks: false) else { return nil }
        return Identity(inode: status.inode, seconds: status.changedSeconds, nanoseconds: status.changedNanoseconds)
    }

    private func children(_ item: Item) -> [(name: String, item: Item)] {
        switch item {
        case .root: return [("features", .features), ("instances", .instances)]
        case .features: return Self.features.enumerated().map { ($1, .feature($0)) }
        case .instances:
            return ((try? SystemCalls.list(ContractPlaces.instances)) ?? []).map { String(decoding: $0, as: UTF8.self) }.sorted()
                .compactMap { name in identity(name).map { (name, .instance(name, $0)) } }
        case .instance(let name, let identity): return ReadCounters.names.enumerated().map { ($1, .counter(name, identity, $0)) }
        case .feature, .counter: return []
        }
    }

    private func isFile(_ item: Item) -> Bool {
        switch item {
        case .feature, .counter: true
        default: false
        }
    }

    private func attributes(_ item: Item) -> FUSEAttributes {
        let mode: UInt32 = isFile(item) ? UInt32(S_IFREG) | 0o444 : UInt32(S_IFDIR) | 0o755
        return FUSEAttributes(ino: id(item), size: isFile(item) ? 4096 : 0, mode: mode, nlink: 1, blksize: 4096)
    }

    /// What a file says; `ENODEV` of a mount that is gone.
    private func text(_ item: Item) throws(Errno) -> String {
        switch item {
        case .feature: return "supported\n"
        case .counter(let name, let known, let number):
            guard identity(name) == known, let owner = CounterRegistry.owner(of: name) else { throw Errno(rawValue: ENODEV) }
            let counters = try ContractStatus(ofMount: owner.device, at: owner.socket).counters
            guard number < counters.count else { throw Errno(rawValue: ENODEV) }
            return "\(counters[number].value)\n"
        default: throw .isDirectory
        }
    }

    func handle(_ request: borrowing FUSERequest, _ reply: consuming FUSEReply, buffer: UnsafeMutableRawBufferPointer) {
        guard let item = item(request.header.nodeID) else { return reply.error(.staleNFSFileHandle) }
        switch request.operation {
        case .lookup(let name):
            let name = String(decoding: name, as: UTF8.self)
            guard let child = children(item).first(where: { $0.name == name }) else { return reply.error(.noSuchFileOrDirectory) }
            reply.entry(FUSEEntry(nodeID: id(child.item), entryValidSeconds: 0, attrValidSeconds: 0, attributes: attributes(child.item)))
        case .getattr: reply.attributes(attributes(item), validSeconds: 0)
        case .open: isFile(item) ? reply.open(fh: 0, flags: .directIO) : reply.error(.isDirectory)
        case .opendir: reply.open(fh: 0, flags: [])
        case .read(let read):
            do throws(Errno) {
                let bytes = Array(try text(item).utf8)
                let start = min(Int(clamping: read.offset), bytes.count), count = min(bytes.count - start, Int(read.size), buffer.count)
                buffer.copyBytes(from: bytes[start..<start + count])
                reply.data(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
            } catch { reply.error(error == .isDirectory ? error : Errno(rawValue: ENODEV)) }
        case .readdir(let read):
            var output = FUSEDirectoryBuffer(UnsafeMutableRawBufferPointer(rebasing: buffer[..<min(Int(read.size), buffer.count)]))
            let entries = [(".", item), ("..", Item.root)] + children(item).map { ($0.name, $0.item) }
            for position in min(Int(clamping: read.offset), entries.count)..<entries.count {
                let (name, child) = entries[position]
                let fits = Array(name.utf8).withUnsafeBytes { output.append(name: $0, offset: UInt64(position) + 1, inode: id(child), type: isFile(child) ? 8 : 4) }
                if !fits { break }
            }
            reply.data(output.bytes)
        case .release, .releasedir, .flush: reply.ok()
        case .statfs: reply.statfs(FUSEStatfs(blocks: 0, files: 0))
        case .modifying: reply.error(.readOnlyFileSystem)
        default: reply.error(.noFunction)
        }
    }

    func processID(ofParked unique: UInt64) -> Int32? { nil }
    func interruptParked(unique: UInt64) {}
}
