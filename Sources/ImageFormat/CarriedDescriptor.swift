import LinuxSystem

/// An owned descriptor that closures can hold.
final class CarriedDescriptor {
    private(set) var raw: CInt
    init(_ descriptor: consuming OwnedDescriptor) { raw = descriptor.take() }
    /// Gives it up.
    func take() -> CInt { defer { raw = -1 }; return raw }
    deinit { if raw >= 0 { SystemCalls.close(raw) } }
}
