/// How much a line of the loader's log matters.
public enum LoaderLogLevel: Sendable, Equatable {
    /// For who looks closely.
    case debug
    /// Worth knowing: something is slow, changed or retried.
    case notice
    /// Something is wrong: bytes that do not verify, a final answer, a full disk.
    case warning
}

/// Where the loader's log goes. Called from the loader's thread; must not block for long.
public typealias LoaderLog = @Sendable (LoaderLogLevel, String) -> Void
