import BlockLoading
import ControlAPI
import IncrementalFS
import Integrity
import LinuxSystem
import PackageFormat

/// Who may be believed: the administrator's policy first, then the pin, then what was accepted at the address before.
extension Daemon {
    /// - Throws: code `untrusted`.
    func requireTrust(_ request: ControlAPI.MountRequest) throws(ControlError) {
        let address = try PackageAddress(request.address + (request.root.map { "#sha256=" + $0 } ?? ""), relativeTo: "/")
        let policy: TrustPolicy
        do { policy = try TrustPolicy.load() } catch {
            throw ControlError(.untrusted, "The policy of this machine cannot be kept: \(error).", hint: "Mend \(TrustPolicy.file), or ask whoever administers this machine.")
        }
        let isPath = if case .path = address.place { true } else { false }
        if let objection = policy.objection(to: request.address, isPath: isPath, pinned: request.root != nil, insecure: request.insecure) {
            throw ControlError(.untrusted, "\(KnownPackage.identity(ofAddress: request.address)) cannot be used: \(objection).", hint: "The policy is in \(TrustPolicy.file).")
        }
        try address.requireTrust(insecure: request.insecure, requirePin: request.requirePin)
    }

    /// Decides about a package that no pin speaks for; returns what its user is told, once.
    ///
    /// - Throws: kind `untrusted`.
    func accept(_ head: PackageHead, _ request: ControlAPI.MountRequest) async throws(OpenError) -> String? {
        // Reads and writes what is remembered.
        do { return try await offPool { try self.decide(head, request) } } catch {
            throw error as? OpenError ?? OpenError(kind: .untrusted, message: "It cannot be decided whether to accept the package: \(error).")
        }
    }

    private func decide(_ head: PackageHead, _ request: ControlAPI.MountRequest) throws(OpenError) -> String? {
        guard !request.insecure, request.root == nil, request.address.lowercased().hasPrefix("https://"),
            let parsed = try? PackageAddress(request.address, relativeTo: "/"), !parsed.isLocal else { return nil }
        guard let file = ControlPlaces().knownPackages else {
            throw OpenError(kind: .untrusted, message: "There is no place to remember what is accepted: $HOME is not set.", hint: "Add the publisher's “#sha256=…” to the address.")
        }
        let known = KnownPackages(file: file)
        let manifest = head.manifest
        let offered = KnownPackage(
            address: KnownPackage.identity(ofAddress: request.address), name: manifest.name, release: manifest.release, sequence: manifest.sequence, root: head.root)
        func unusable(_ error: Errno) -> OpenError {
            OpenError(kind: .untrusted, message: "What was accepted before cannot be read or written in \(file): \(error).", hint: "Mend that file, or add the publisher's “#sha256=…” to the address.")
        }
        let before: KnownPackage?
        do throws(Errno) { before = try known.package(at: offered.address) } catch { throw unusable(error) }
        let told: String
        switch TrustDecision.about(offered, known: before) {
        case .same: return nil
        case .refused(let reason):
            throw OpenError(
                kind: .untrusted, message: "\(offered.address) is refused: \(reason). Its root is sha256:\(offered.root).",
                hint: "Ask the publisher. If it is as it should be, add the digest that he gives you to the address, or remove the address's lines from \(file).")
        case .first:
            told = "\(offered.name)\(offered.release.isEmpty ? "" : " " + offered.release) from \(offered.address) is accepted and remembered; its root is sha256:\(offered.root)."
        case .update(let old):
            let change = old.release == offered.release ? "" : ", \(offered.release) after \(old.release)"
            told = "\(offered.name) from \(offered.address) has a newer release\(change); its root is sha256:\(offered.root)."
        }
        do throws(Errno) { try known.remember(offered) } catch { throw unusable(error) }
        return told
    }
}
