import ControlAPI

/// All mounts of a user: what `incfs status --json` prints. The fields of a single daemon stand at the top, where most
/// people, who have one store, look for them; they are the first daemon's if there are several, and absent if there is none.
struct UserStatus: Encodable {
    struct DaemonStatus: Encodable {
        var daemonPid: Int32
        var keeperPid: Int32
        var version: String
        var store: String
        var mountpoints: [String]
    }

    var daemonPid: Int32?
    var keeperPid: Int32?
    var version: String?
    var store: String?
    var daemons: [DaemonStatus]
    var mounts: [MountStatus]
    /// What is fetched without being mounted; absent if there is nothing.
    var fills: [BackgroundFillStatus]?
    /// Mounts of backing directories and images; absent if there are none.
    var contractMounts: [ContractMountStatus]?
    /// Mounts whose daemon is gone; absent if there are none.
    var deadMounts: [DeadMountStatus]?

    init(_ reports: [StatusReport], contractMounts: [ContractMountStatus] = [], deadMounts: [DeadMountStatus] = []) {
        daemonPid = reports.first?.daemonPid
        keeperPid = reports.first?.keeperPid
        version = reports.first?.version
        store = reports.first?.store
        daemons = reports.map { DaemonStatus(daemonPid: $0.daemonPid, keeperPid: $0.keeperPid, version: $0.version, store: $0.store, mountpoints: $0.mounts.map(\.mountpoint)) }
        mounts = reports.flatMap(\.mounts)
        let all = reports.flatMap { $0.fills ?? [] }
        fills = all.isEmpty ? nil : all
        self.contractMounts = contractMounts.isEmpty ? nil : contractMounts
        self.deadMounts = deadMounts.isEmpty ? nil : deadMounts
    }
}
