import Glibc
import LinuxSystem

/// Who asks: the identity that files are made with and permissions are checked for.
public struct Caller: Sendable {
    public var uid: UInt32
    public var gid: UInt32
    /// The thread, as `header.pid` has it; 0 when it cannot be seen from here.
    public var thread: pid_t

    /// Its memory, copied by threads that may wait for it.
    public let memory: CallerMemory

    public init(uid: UInt32, gid: UInt32, thread: pid_t, copiers: RequestThreads) {
        self.uid = uid
        self.gid = gid
        self.thread = thread
        memory = CallerMemory(thread: thread, copier: .waiting(copiers))
    }

    /// A field of /proc/TID/status, its words as numbers; nil when it cannot be read.
    private func statusField(_ name: String) -> [UInt32]? {
        guard thread > 0, let text = try? SystemCalls.contents(of: FilePath("/proc/\(thread)/status"), limit: 65536) else { return nil }
        for line in text.split(separator: UInt8(ascii: "\n")) where line.starts(with: name.utf8) {
            return line.dropFirst(name.utf8.count).split { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
                .compactMap { UInt32(String(decoding: $0, as: UTF8.self)) }
        }
        return nil
    }

    /// The process that the thread belongs to.
    public var process: pid_t? { statusField("Tgid:")?.first.map { pid_t($0) } }

    /// Runs `body` with the caller's identity for files (credentials(7)), on this thread alone; afterwards the thread is itself
    /// again. An ordinary user's daemon serves that user only and cannot be anybody else.
    public func act<Result: ~Copyable>(_ body: () throws(Errno) -> Result) throws(Errno) -> Result {
        let (ownUID, ownGID) = (geteuid(), getegid())
        if uid == ownUID && gid == ownGID { return try body() }
        guard ownUID == 0 else { throw .notPermitted }
        let ownGroups = SystemCalls.groups()
        try SystemCalls.setFileSystemIdentity(uid: uid, gid: gid, groups: statusField("Groups:") ?? [])
        defer {
            // Root can always go back; a thread that cannot must not go on as somebody else.
            do throws(Errno) { try SystemCalls.setFileSystemIdentity(uid: ownUID, gid: ownGID, groups: ownGroups) } catch {
                fatalError("cannot become user \(ownUID) again: \(error)")
            }
        }
        return try body()
    }

    /// A duplicate of one of the caller's descriptors. `EBADF` when it has none of that number, `EPERM` when it is out of reach.
    public func descriptor(_ number: UInt32) throws(Errno) -> OwnedDescriptor {
        guard number <= UInt32(Int32.max) else { throw .badFileDescriptor }
        guard thread > 0 else { throw .notPermitted }
        let handle: OwnedDescriptor
        do throws(Errno) { handle = try SystemCalls.threadDescriptor(thread) } catch {
            // Before Linux 6.9 there are only those of whole processes: the descriptors of its first thread, mostly the same.
            guard error == .invalidArgument else { throw error == .noSuchProcess ? .notPermitted : error }
            guard let process else { throw .notPermitted }
            handle = try SystemCalls.processDescriptor(process)
        }
        return try SystemCalls.duplicate(CInt(number), ofProcess: handle.rawValue)
    }
}
