import LinuxSystem

/// Runs what blocks on a thread of its own and suspends until it has returned: the cooperative pool is never blocked.
public func offPool<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
        Thread(name: "blocking", stackSize: 1 << 20) { continuation.resume(with: Result { try body() }) }.detach()
    }
}

/// Runs async work from a thread of our own and blocks that thread until it is done. Never from the cooperative pool.
public func onPool<Value: Sendable>(_ body: @escaping @Sendable () async throws -> Value) throws -> Value {
    let result = Condition<Result<Value, any Error>?>(nil)
    Task.detached {
        let value: Result<Value, any Error>
        do { value = .success(try await body()) } catch { value = .failure(error) }
        result.update { $0 = value }
    }
    return try result.wait { $0 }!.get()
}
