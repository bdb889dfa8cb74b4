import ControlAPI

/// One request about a package that needs no mount, with nothing left running when it comes to nothing.
struct PackageSession {
    let package: PackageReference
    let daemon: Daemon

    init(address: String, store: StoreOptions, trust: TrustOptions, access: AccessOptions) throws {
        let address = try PackageAddress(argument: address)
        try address.requireTrust(insecure: trust.insecure, requirePin: trust.requirePin)
        package = PackageReference(
            address: address.location, root: address.root, insecure: trust.insecure, requirePin: trust.requirePin, network: .current, access: try access.resolved())
        daemon = try Daemon(store: store.store)
    }

    /// Asks the daemon, which is started if need be. An interrupted request ends with the status of the signal.
    func call(
        _ request: ControlRequest, progress: (ProgressReport) -> Void = { _ in },
        content: ([UInt8]) throws(ControlError) -> Void = { (_) throws(ControlError) in }
    ) throws -> ControlReply {
        let interruption = try Interruption()
        var started = false
        do {
            let connection = try daemon.ensure(interruption: interruption.descriptor)
            started = connection.started
            return try connection.client.call(request, progress: progress, content: content)
        } catch {
            if started { daemon.stopIfIdle() }
            if error.code == .cancelled, let status = interruption.status() { throw status }
            throw error
        }
    }

    static let unexpected = ControlError(.internalFailure, "The daemon gave an unexpected answer.", hint: "Use the incfs and incfsd of one release.")
}
