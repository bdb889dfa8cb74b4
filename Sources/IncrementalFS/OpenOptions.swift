import BlockLoading
import PackageFormat
import VolumeCore

/// How a package is opened.
public struct OpenOptions: Sendable {
    /// Fetch everything in the background.
    public var fill = true
    /// Seconds until a read of a missing block fails with ETIME; nil: it waits while the origin is unreachable.
    public var readTimeoutSeconds: Double?
    /// The loader's settings; `filling` is taken from `fill`.
    public var loader = LoaderConfiguration()
    /// Receives the volume's events; must not block.
    public var onEvent: @Sendable (VolumeEvent) -> Void = { _ in }
    /// Receives the loader's log lines; must not block.
    public var loaderLog: LoaderLog = { _, _ in }
    /// Told why, each time that opening has to ask the origin again; must not block.
    public var onRetry: @Sendable (String) -> Void = { _ in }

    /// Decides about a package that no pin speaks for, before anything of it is kept. Returns what its user is to be told. Must not block the pool.
    ///
    /// Throws kind `untrusted` to refuse it.
    public var accept: @Sendable (PackageHead) async throws(OpenError) -> String? = { _ async throws(OpenError) in nil }

    public init() {}
}
