import ControlAPI
import LinuxSystem

/// Where `run` mounts a package: always at the same path for one address and store, because programs keep caches by path.
enum SharedMountpoint {
    /// The letters of a package's name that stay in the path.
    private static let nameLimit = 48

    /// `RUNTIME/run/NAME-HASH`: the address's last component without `.incfs`, and 8 hexadecimal digits of the FNV-1a hash of store and address.
    static func path(_ address: PackageAddress, store: FilePath, in places: ControlPlaces) -> FilePath {
        var hash: UInt32 = 0x811c_9dc5
        for byte in [Array(store.string.utf8), [0], Array(address.location.utf8)].joined() { hash = (hash ^ UInt32(byte)) &* 0x0100_0193 }
        let digits = String(hash, radix: 16)
        return places.runtimeDirectory.appending("run").appending("\(name(address))-\(String(repeating: "0", count: 8 - digits.count))\(digits)")
    }

    private static func name(_ address: PackageAddress) -> String {
        let path = address.location.prefix { $0 != "?" }
        var stem = path.split(separator: "/").last.map(String.init) ?? ""
        if stem.hasSuffix(".incfs") { stem.removeLast(6) }
        let kept = stem.utf8.map { byte -> Character in
            switch byte {
            case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x2d, 0x5f: Character(UnicodeScalar(byte))
            default: "_"
            }
        }
        return kept.isEmpty ? "package" : String(kept.prefix(nameLimit))
    }
}
