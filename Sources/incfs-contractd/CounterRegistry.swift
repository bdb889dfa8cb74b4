import ContractControl
import Glibc
import LinuxSystem

/// The names under which mounts show their counters; each is one mount's at a time.
enum CounterRegistry {
    /// Throws `EEXIST` when a mount that is still there has the name.
    static func add(_ name: String, socket: FilePath, device: String) throws(Errno) {
        let path = ContractPlaces.instances.appending(name)
        let text = "\(socket)\n\(device)\n"
        do throws(Errno) { try ContractPlaces.write(text, to: path, exclusive: true) } catch {
            guard error == .fileExists else { throw error }
            // Left behind by a daemon that was killed? Another one may answer at its socket now: this one, even.
            if let owner = owner(of: name), holds(name, owner) { throw .fileExists }
            try SystemCalls.unlink(path, missingIsFine: true)
            try ContractPlaces.write(text, to: path, exclusive: true)
        }
    }

    /// Takes a name away from the mount that has it; another mount's stays.
    static func remove(_ name: String, socket: FilePath, device: String) {
        guard let owner = owner(of: name), owner == (socket, device) else { return }
        try? SystemCalls.unlink(ContractPlaces.instances.appending(name), missingIsFine: true)
    }

    static func owner(of name: String) -> (socket: FilePath, device: String)? {
        guard let text = try? SystemCalls.contents(of: ContractPlaces.instances.appending(name), limit: 4096) else { return nil }
        let lines = text.split(separator: UInt8(ascii: "\n")).map { String(decoding: $0, as: UTF8.self) }
        return lines.count == 2 ? (FilePath(lines[0]), lines[1]) : nil
    }

    /// Whether the daemon at a socket has a mount that shows its counters under the name. One that does not answer in time may.
    private static func holds(_ name: String, _ owner: (socket: FilePath, device: String)) -> Bool {
        do throws(Errno) { _ = try ContractMessage.ask(["holds", owner.device, name], at: owner.socket) } catch { return error == Errno(rawValue: EAGAIN) }
        return true
    }
}
