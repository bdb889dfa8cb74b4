import ContractControl
import FUSEMount
import LinuxSystem

/// A mount that speaks the published interface, in `incfs status`.
struct ContractMountStatus: Encodable {
    enum Kind: String, Encodable { case backing, image }

    var mountpoint: String
    /// The backing directory or the image.
    var source: String
    var kind: Kind
    /// These are absent for an image, and where the daemon is not one of this user's.
    var daemonPid: Int32?
    var readersWaiting: UInt64?
    /// By the names of the interface.
    var counters: [String: UInt64]?

    /// All of this namespace, or the one that shows at `place`.
    static func all(at place: String?) -> [ContractMountStatus] {
        MountTable.visible.shown(at: place).filter(\.isContract).map { ContractMountStatus($0) }
    }

    private init(_ entry: MountTable.Entry) {
        let isDirectory = (try? SystemCalls.status(of: FilePath(entry.source)))?.kind == .directory
        self.init(mountpoint: entry.mountpoint.string, source: entry.source, kind: isDirectory ? .backing : .image)
        guard isDirectory, let status = try? ContractStatus(ofMount: "\(entry.device)") else { return }
        daemonPid = status.daemonPid
        readersWaiting = status.readersWaiting
        counters = Dictionary(status.counters.map { ($0.name, $0.value) }) { $1 }
    }

    init(mountpoint: String, source: String, kind: Kind) {
        self.mountpoint = mountpoint
        self.source = source
        self.kind = kind
    }
}
