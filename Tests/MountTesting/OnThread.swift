import Glibc
import LinuxSystem

/// Runs blocking `body` on a thread of its own: tests run on the cooperative pool, which must not be blocked.
public func onThread<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
        Thread(name: "test") { continuation.resume(with: Swift.Result { try body() }) }.detach()
    }
}

/// What did not happen, as a sentence.
public struct MountTestFailure: Error, CustomStringConvertible {
    public var description: String
    public init(_ description: String) { self.description = description }
}

/// Looks every 10 ms whether `body` gives a value, for `seconds` at most; then it throws what it waited for.
@discardableResult
public func eventually<Value: Sendable>(_ what: String, seconds: Double = 30, _ body: @Sendable () async throws -> Value?) async throws -> Value {
    let end = MonotonicTime.now.adding(milliseconds: UInt64(seconds * 1000))
    while true {
        if let value = try await body() { return value }
        if MonotonicTime.now >= end { throw MountTestFailure("waited \(seconds) s in vain until \(what)") }
        try await Task.sleep(nanoseconds: 10_000_000)
    }
}
