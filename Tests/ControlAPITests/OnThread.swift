import LinuxSystem

/// Runs blocking `body` on a thread of its own: tests run on the cooperative pool, which the server's tasks need.
func onThread<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
        Thread(name: "test") { continuation.resume(with: Result { try body() }) }.detach()
    }
}

/// A directory that is removed with its contents.
final class TemporaryDirectory: Sendable {
    let path: FilePath

    init() {
        var template = Array("/tmp/incfs-test.XXXXXX".utf8CString)
        precondition(mkdtemp(&template) != nil)
        path = template.withUnsafeBufferPointer { FilePath(platformString: $0.baseAddress!) }
    }

    deinit { try? SystemCalls.removeTree(path) }
}

import Glibc
