import BlockStore
import LinuxSystem
import Logging

/// Makes what was stored durable, once a second: data first, then the bits that say so.
final class CommitThread: Sendable {
    /// Milliseconds between group commits.
    static let interval: UInt64 = 1000

    private let stopped = Condition(false)
    private let thread: Thread

    init(store: PlainStore, log: Logger) {
        let stopped = self.stopped
        thread = Thread(name: "commit") {
            var failing = false
            while stopped.wait(until: .now.adding(milliseconds: Self.interval), { $0 ? true : nil }) == nil {
                do throws(StoreError) {
                    try store.commit()
                    failing = false
                } catch {
                    if !failing { log.error("cannot make stored blocks durable: \(error); they stay readable, and it is tried again each second") }
                    failing = true
                }
            }
        }
    }

    func stop() {
        stopped.update { $0 = true }
        thread.join()
    }
}
