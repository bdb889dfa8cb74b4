import ControlAPI
import FoundationEssentials

/// What a successor needs to go on serving a mount: kept as JSON in the mount's state file.
struct MountConfiguration: Codable, Sendable {
    var version = 1
    var request: MountRequest
    /// The root digest that the mount was opened with: 64 hexadecimal digits.
    var root: String
    var uid: UInt32
    var gid: UInt32

    init(request: MountRequest, root: String, uid: UInt32, gid: UInt32) {
        self.request = request
        self.root = root
        self.uid = uid
        self.gid = gid
    }

    func encoded() throws -> [UInt8] { Array(try JSONEncoder().encode(self)) }

    init(decoding bytes: [UInt8]) throws { self = try JSONDecoder().decode(Self.self, from: Data(bytes)) }
}
