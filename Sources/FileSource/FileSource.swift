import BlockLoading
import Glibc
import LinuxSystem
import Synchronization

/// A local directory as origin: the envelope and what lies beside it.
///
/// Files stay open once read (up to `maximumOpenFiles`), so that a directory that is replaced by another release still
/// gives the old bytes to who started with them.
public final class FileSource: RangeSource {
    /// Files kept open between reads.
    public static let maximumOpenFiles = 64

    /// The envelope's path.
    public let name: String
    private let envelope: FilePath
    private let directory: FilePath
    private let threads: ReadThreads
    private let files = Mutex<[[UInt8]: OpenFile]>([:])

    /// A source over the directory in which `envelope` lies. Opens nothing yet. `threads` reads go on at once.
    public init(envelope: FilePath, threads: Int = 2) {
        self.envelope = envelope
        directory = envelope.removingLastComponent().isEmpty ? FilePath(".") : envelope.removingLastComponent()
        name = envelope.string
        self.threads = ReadThreads(count: max(1, threads))
    }

    public func read(path: [UInt8], offset: UInt64, length: Int, options: ReadOptions) async throws(SourceError) -> [UInt8] {
        let bytes = try await run { source throws(SourceError) in
            if options.bypassCaches { source.files.withLock { $0[path] = nil } }
            return try source.readNow(path, offset, length)
        }
        if bytes.count == length { return bytes }
        throw SourceError(
            .final(errno: EIO),
            "\(display(path)) ends after \(offset + UInt64(bytes.count)) bytes, but the package has data up to \(offset + UInt64(length)): it was cut short or belongs to another package; publish it again")
    }

    public func readUpTo(path: [UInt8], offset: UInt64, length: Int) async throws(SourceError) -> [UInt8] {
        try await run { source throws(SourceError) in try source.readNow(path, offset, length) }
    }

    public func shutdown() async {
        threads.stop()
        files.withLock { $0.removeAll() }
    }

    private func run(_ body: @escaping @Sendable (FileSource) throws(SourceError) -> [UInt8]) async throws(SourceError) -> [UInt8] {
        let result: Result<[UInt8], SourceError>? = await threads.run { [self] in
            do throws(SourceError) { return .success(try body(self)) } catch { return .failure(error) }
        }
        guard let result else { throw SourceError(.final(errno: EIO), "\(name) is closed") }
        return try result.get()
    }

    /// Reads on the calling thread; short only at the end of the file.
    private func readNow(_ path: [UInt8], _ offset: UInt64, _ length: Int) throws(SourceError) -> [UInt8] {
        guard let file = path.isEmpty ? envelope : location(of: path) else {
            throw SourceError(.final(errno: EIO), "the package names a file outside its own directory: \(display(path)); do not use it")
        }
        // An offset beyond what a file can have is past its end.
        guard length > 0, offset <= UInt64(Int64.max) - UInt64(length) else { return [] }
        do throws(Errno) {
            let open = try open(path, file)
            var failure: Errno?
            let bytes = [UInt8](unsafeUninitializedCapacity: length) { buffer, count in
                do throws(Errno) {
                    count = try SystemCalls.preadAll(open.descriptor.rawValue, into: UnsafeMutableRawBufferPointer(buffer), at: offset)
                } catch {
                    failure = error
                }
            }
            if let failure { throw failure }
            return bytes
        } catch {
            files.withLock { $0[path] = nil }
            throw explain(error, path)
        }
    }

    private func open(_ path: [UInt8], _ file: FilePath) throws(Errno) -> OpenFile {
        if let known = files.withLock({ $0[path] }) { return known }
        // Without O_NONBLOCK a FIFO in the directory would hold the thread for ever.
        let opened = OpenFile(try SystemCalls.open(file, flags: O_RDONLY | O_NONBLOCK | O_NOCTTY))
        if try SystemCalls.status(of: opened.descriptor.rawValue).kind == .directory { throw .isDirectory }
        files.withLock { files in
            if files.count >= Self.maximumOpenFiles, let victim = files.keys.randomElement() { files[victim] = nil }
            files[path] = opened
        }
        return opened
    }

    private func location(of path: [UInt8]) -> FilePath? {
        guard let components = SourcePath.components(of: path) else { return nil }
        var result = directory
        for component in components {
            let terminated = component.map { CChar(bitPattern: $0) } + [0]
            guard let part = terminated.withUnsafeBufferPointer({ FilePath.Component(platformString: $0.baseAddress!) }) else { return nil }
            result.append(part)
        }
        return result
    }

    private func display(_ path: [UInt8]) -> String {
        path.isEmpty ? name : "\(directory.string)/\(String(decoding: path, as: UTF8.self))"
    }

    private func explain(_ error: Errno, _ path: [UInt8]) -> SourceError {
        switch error {
        case .noSuchFileOrDirectory where !exists(directory):
            return SourceError(.unreachable, "the directory \(directory.string) is not there: mount or connect what holds it")
        case .noSuchFileOrDirectory where path.isEmpty:
            return SourceError(.final(errno: EIO), "\(name) does not exist: check the path, or publish it again")
        case .isDirectory where path.isEmpty:
            return SourceError(.final(errno: EIO), "\(name) is a directory and no package: name the .incfs file that ‘incfs publish’ makes of it")
        case .noSuchFileOrDirectory:
            return SourceError(.final(errno: EIO), "\(display(path)) does not exist, but the package needs it: copy it there or publish again")
        case .permissionDenied, .notPermitted:
            return SourceError(.final(errno: EIO), "\(display(path)) may not be read by this user: change its permissions")
        case .notDirectory, .isDirectory, .tooManySymbolicLinkLevels, .noSuchAddressOrDevice, .illegalSeek:
            return SourceError(.final(errno: EIO), "\(display(path)) is not a regular file (\(error)): publish again")
        case .staleNFSFileHandle, .hostIsDown, .noRouteToHost, .socketNotConnected, .timedOut:
            return SourceError(.unreachable, "\(display(path)) cannot be reached: \(error)")
        default:
            return SourceError(.temporary, "reading \(display(path)) failed: \(error)")
        }
    }

    private func exists(_ path: FilePath) -> Bool { (try? SystemCalls.status(of: path)) != nil }
}

/// A descriptor that several reads share.
private final class OpenFile: Sendable {
    let descriptor: OwnedDescriptor
    init(_ descriptor: consuming OwnedDescriptor) { self.descriptor = descriptor }
}
