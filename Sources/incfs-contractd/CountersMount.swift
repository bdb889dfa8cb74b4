import ContractControl
import FUSEProtocol
import FUSESession
import Glibc
import LinuxSystem

/// The counters of all mounts as a directory, as `/sys/fs/incremental-fs` would have them.
enum CountersMount {
    /// Mounts it; a process of its own serves it until it is unmounted.
    static func mount(_ target: String) throws(Failure) {
        try Failure.attempt("\(ContractPlaces.directory)") { () throws(Errno) in try ContractPlaces.make() }
        let attributes = MountWords.noSetuid | MountWords.noDevices | MountWords.noExec | MountWords.readOnly
        let mount = try NewMount(NewMount.Kind(source: "incremental-fs", subtype: "incremental-fs-counters", attributes: attributes), on: target)
        do throws(Failure) {
            let null = try Failure.attempt("/dev/null") { () throws(Errno) in try SystemCalls.open("/dev/null", flags: O_RDWR) }
            _ = try Failure.attempt("starting the server") { () throws(Errno) in
                try SystemCalls.spawn(
                    "/proc/self/exe", ["incfs-contractd", "serve-counters"], descriptors: [null.rawValue, null.rawValue, null.rawValue, mount.device.rawValue], newSession: true)
            }
            try mount.attach()
        } catch {
            mount.undo()
            throw error
        }
    }

    static func serve() -> Never {
        chdir("/")
        var negotiation = FUSENegotiation()
        negotiation.wanted.subtract([.readdirplus, .readdirplusAuto, .noOpendirSupport])
        let session = try? FUSESession(CountersFileSystem(), descriptors: [3], configuration: FUSESessionConfiguration(workers: 1, spinNanoseconds: 0, negotiation: negotiation))
        _ = try? session?.run()
        exit(0)
    }
}
