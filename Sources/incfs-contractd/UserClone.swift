import ContractControl
import Glibc
import LinuxSystem

/// A detached mount of an ordinary user's mount (open_tree(2)). That needs a privilege over the mount namespace, which a user has in one of his own: a process
/// enters a copy of ours there, takes the clone, hands it over and ends. The clone lies in no namespace and lives as long as its descriptor.
///
///     incfs-contractd clone-mount PLACE        with a socket as descriptor 3
enum UserClone {
    /// nil where the system does not let its users have namespaces.
    static func make(of place: FilePath) -> OwnedDescriptor? {
        guard let pair = try? SystemCalls.socketPair(type: SOCK_STREAM), let null = try? SystemCalls.open("/dev/null", flags: O_RDWR) else { return nil }
        let ours = OwnedDescriptor(pair.0), its = OwnedDescriptor(pair.1)
        let arguments = ["incfs-contractd", "clone-mount", place.string]
        guard let child = try? SystemCalls.spawn("/proc/self/exe", arguments, descriptors: [null.rawValue, null.rawValue, null.rawValue, its.rawValue]) else { return nil }
        its.close()
        var descriptors: [CInt] = []
        _ = try? ContractMessage.receive(over: ours.rawValue, descriptors: &descriptors)
        _ = try? SystemCalls.wait(for: child)
        for extra in descriptors.dropFirst() { SystemCalls.close(extra) }
        return descriptors.first.map { OwnedDescriptor($0) }
    }

    /// The process. Has no second thread: what enters a user namespace must not have one.
    static func run(_ place: FilePath) {
        do throws(Errno) {
            try SystemCalls.enterMountNamespace(asUser: true)
            let mount = try SystemCalls.open(place, flags: SystemCalls.pathOnly | O_DIRECTORY)
            let clone = try SystemCalls.cloneMount(mount.rawValue)
            try ContractMessage.send(["clone"], descriptors: [clone.rawValue], over: 3)
        } catch { exit(1) }
    }
}
