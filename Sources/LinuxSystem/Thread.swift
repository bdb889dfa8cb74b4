import CLinux
import Glibc

/// A POSIX thread of our own for work that blocks; never one of the cooperative pool.
public final class Thread: @unchecked Sendable {
    // Safety: `handle` is written once before the thread is shared; join is called at most once by its owner.
    private var handle = pthread_t()

    /// Starts `body` on a new thread. `name` (at most 15 bytes) shows in `ps -L`. Traps if no thread can be made.
    public init(name: String, stackSize: Int = 512 * 1024, _ body: @escaping @Sendable () -> Void) {
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        pthread_attr_setstacksize(&attributes, stackSize)
        defer { pthread_attr_destroy(&attributes) }
        let box = Unmanaged.passRetained(Box(name: name, body: body))
        let result = pthread_create(&handle, &attributes, { argument in
            let box = Unmanaged<Box>.fromOpaque(argument!).takeRetainedValue()
            box.name.withCString { clinux_name_thread($0) }
            box.body()
            return nil
        }, box.toOpaque())
        if result != 0 { fatalError("cannot start thread \(name): errno \(result)") }
    }

    /// Waits for the thread to end (pthread_join(3)). Call once.
    public func join() { pthread_join(handle, nil) }

    /// Lets the thread end unattended.
    public func detach() { pthread_detach(handle) }

    private final class Box: Sendable {
        let name: String
        let body: @Sendable () -> Void
        init(name: String, body: @escaping @Sendable () -> Void) {
            self.name = String(decoding: name.utf8.prefix(15), as: UTF8.self)
            self.body = body
        }
    }
}
