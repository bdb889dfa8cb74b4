// incfsd: the daemon of one user and store. Started by incfs-keeper, which hands over the link (descriptor 3), the listening
// control socket (descriptor 4) and, after a restart, the mounts.
import BlockStore
import ControlAPI
import Glibc
import IncrementalFS
import KeeperLink
import LinuxSystem
import Logging

guard let arguments = DaemonArguments(CommandLine.arguments) else {
    let usage = "incfsd is started by incfs-keeper: incfsd --store DIR [--epoch N] [--linger SECONDS]. Use 'incfs mount' instead.\n"
    Array(usage.utf8).withUnsafeBytes { _ = try? SystemCalls.write(2, $0) }
    exit(2)
}

let journal = arguments.journal.flatMap { try? JournalWriter(socket: $0, identifier: "incfsd") }
LoggingSystem.bootstrap { _ in DaemonLog(journal: journal) }
let log = Logger(label: "incfsd")

signal(SIGPIPE, SIG_IGN)
// The terminal of whoever mounted first may go.
signal(SIGHUP, SIG_IGN)
_ = SystemCalls.raiseOpenFileLimit()
Allocator.keepFreed(largest: 4 << 20, most: 16 << 20)

do {
    // The keeper asks for an end with SIGTERM. Before any thread starts: the mask is inherited.
    let signalDescriptor = try SystemCalls.signalDescriptor([SIGTERM, SIGINT]).take()
    let keeper = KeeperConnection(epoch: arguments.epoch)
    let restored = try keeper.restoredMounts()
    try keeper.startHeartbeat(onLost: {
        // Nobody can restart us or hold the mounts any more: end, and with us the descriptors.
        log.error("the keeper has ended; so does this daemon")
        _exit(1)
    })
    var options = StoreOptions()
    options.verify = arguments.verify
    let store = try PlainStore(directory: arguments.store, options: options)
    let wishes = try? FillWishes(controlSocket: KeeperConnection.inheritedControlSocket)
    let daemon = Daemon(arguments: arguments, store: store, keeper: keeper, wishes: wishes, log: log)
    let commits = CommitThread(store: store, log: log)
    for mount in restored { daemon.restore(mount) }
    daemon.resumeFills()
    let server = try ControlServer(listening: OwnedDescriptor(KeeperConnection.inheritedControlSocket), handler: daemon)
    Thread(name: "signals") {
        while (try? SystemCalls.poll(signalDescriptor, events: Int16(POLLIN), timeoutMilliseconds: -1)) == 0 {}
        daemon.state.update { $0.stopping = true }
    }.detach()
    daemon.waitUntilIdle()
    daemon.endAll()
    server.close()
    commits.stop()
    _ = try? store.commit()
    try? keeper.exiting(code: 0)
    exit(0)
} catch {
    log.error("cannot start: \(error)")
    exit(1)
}
