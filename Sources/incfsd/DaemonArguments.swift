import Glibc
import LinuxSystem

/// What the keeper says on the command line.
struct DaemonArguments {
    /// The store's directory; the keeper holds its lock.
    var store: FilePath
    /// The write epoch: higher for each daemon of one keeper.
    var epoch: UInt64 = 1
    /// Seconds after the last unmount and fill until the daemon ends.
    var lingerSeconds: Double = 30
    /// Whether blocks are hashed when they come from the disk. Off only in measurements (`incfs-keeper … -- --no-verify`).
    var verify = true
    /// The journal's socket, where that is logged to.
    var journal: FilePath?

    /// Parses `--store DIR [--epoch N] [--linger S] [--no-verify]`; nil for anything else.
    init?(_ arguments: [String]) {
        var store: FilePath?
        var rest = arguments.dropFirst()
        while let name = rest.popFirst() {
            if name == "--no-verify" {
                verify = false
                continue
            }
            guard let value = rest.popFirst() else { return nil }
            switch name {
            case "--store": store = FilePath(value)
            case "--journal": journal = FilePath(value)
            case "--epoch":
                guard let number = UInt64(value) else { return nil }
                epoch = number
            case "--linger":
                guard let number = Double(value), number >= 0, number <= 86_400 else { return nil }
                lingerSeconds = number
            default: return nil
            }
        }
        guard let store else { return nil }
        self.store = store
    }
}
