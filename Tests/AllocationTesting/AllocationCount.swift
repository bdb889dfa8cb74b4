import AllocationCounter

/// Allocations of this thread while `body` runs 200 times, after it ran twice.
public func allocations(_ body: () -> Void) -> UInt64 {
    body()
    body()
    let before = allocation_count()
    for _ in 0..<200 { body() }
    return allocation_count() - before
}
