import Glibc
import Integrity
import LinuxSystem
import PackageFormat

/// Makes packages. Docs: docs/PACKAGE.md.
public enum Publisher {
    /// Publishes `directory` as `<output>/<name>.incfs`, with its content in `<output>/<name>-<digest>.pack` unless it stays in place.
    ///
    /// Memory: some 8 MiB a thread, at most 210 MiB for all, and about 500 bytes for each file and 100 for each chunk, whatever the files' sizes. The same input gives the same bytes,
    /// whatever the number of threads. Files get their final names last; on an error, and when cancelled, nothing has changed under them. Packs of
    /// earlier releases stay where they are, for those who still read them.
    ///
    /// Blocks the calling thread for as long as it takes: never call it on the cooperative pool. Calls `progress` on the calling thread, at most every 50 ms.
    ///
    /// - Throws: `PublishError`, whose description is made for people.
    public static func publish(
        directory: FilePath, output: FilePath, options: PublishOptions = PublishOptions(), cancellation: PublishCancellation? = nil,
        progress: ((PublishProgress) -> Void)? = nil
    ) throws(PublishError) -> PublishSummary {
        try check(options)
        let source = try resolve(directory)
        do { try SystemCalls.makeDirectories(output, mode: 0o755) } catch { throw .system(error, doing: "make the output directory", output) }
        let target = try resolve(output)
        let name: String
        if let given = options.name { name = given } else { name = try defaultName(source) }
        try check(name: name)
        return try PublishRun(source, target, name, options, cancellation, progress).run()
    }

    private static func check(_ options: PublishOptions) throws(PublishError) {
        guard PublishOptions.levels.contains(options.level) else { throw .invalidOption("the compression level is \(options.level); it goes from 1 to 19") }
        guard PackageLimits.chunkSizes.contains(options.chunkSize), options.chunkSize.nonzeroBitCount == 1 else {
            throw .invalidOption("the chunk size is \(options.chunkSize); it is a power of two from 4096 to 4194304")
        }
        guard (options.threads ?? 1) > 0 else { throw .invalidOption("the number of threads is \(options.threads!); it is 1 or more") }
    }

    private static func check(name: String) throws(PublishError) {
        let isPlain = name.unicodeScalars.allSatisfy { $0.value >= 0x20 && !(0x7f...0x9f).contains($0.value) && $0 != "/" }
        guard !name.isEmpty, name.utf8.count <= PublishOptions.nameLength, isPlain, !name.hasPrefix(".") else {
            throw .invalidOption("'\(name)' cannot be a package's name: it is 1 to \(PublishOptions.nameLength) bytes without '/', control characters and a '.' in front; choose one with --name")
        }
    }

    private static func resolve(_ path: FilePath) throws(PublishError) -> FilePath {
        do { return try SystemCalls.realPath(path) } catch { throw .system(error, doing: "find", path) }
    }

    private static func defaultName(_ directory: FilePath) throws(PublishError) -> String {
        guard let last = directory.lastComponent else { throw .invalidOption("the root directory has no name to call the package by: give one with --name") }
        guard let name = String(validating: last) else { throw .invalidOption("the directory's name is not UTF-8: name the package with --name") }
        return name
    }
}
