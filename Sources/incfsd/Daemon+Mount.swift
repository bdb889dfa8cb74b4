import BlockLoading
import ControlAPI
import FUSESession
import Glibc
import IncrementalFS
import HTTPSource
import Integrity
import KeeperLink
import LinuxSystem
import Synchronization

extension Daemon {
    /// How long somebody waits for a package to be opened before he is told why.
    private static let openPatience: Duration = .seconds(3)

    func mount(_ request: ControlAPI.MountRequest, peer: ControlPeer, progress: @escaping ProgressReporter) async throws -> MountReport {
        if request.shared { return try await mountShared(request, peer: peer, progress: progress) }
        return try await using { try await opening {
            try await offPool { self.endWhatWasUnmounted(at: request.mountpoint) }
            let isNew = state.withLock { state in
                !state.mounts.values.contains { $0.mountpoint == request.mountpoint } && state.reserved.insert(request.mountpoint).inserted
            }
            guard isNew else {
                throw ControlError(
                    .mountpointBusy, "A package is mounted at \(request.mountpoint) already.", hint: "Unmount it with 'incfs unmount \(request.mountpoint)', or choose another directory.")
            }
            defer { state.withLock { _ = $0.reserved.remove(request.mountpoint) } }
            try refuse(request.mountpoint)
            let package = try await open(request, explaining: progress)
            do {
                try await offPool { self.endFill(of: package) }
                try Task.checkCancellation()
                let mount = try await offPool { try self.attach(package, request, peer) }
                if Task.isCancelled {
                    try await end(mount, .lazy)
                    throw CancellationError()
                }
                return report(mount, notice: package.notice)
            } catch {
                await package.stop()
                throw error
            }
        } }
    }

    /// `notice` of the package that was opened for this request.
    func report(_ mount: DaemonMount, notice: String?) -> MountReport {
        let manifest = mount.mounted.package.volume.manifest
        return MountReport(
            mountpoint: mount.mountpoint, number: mount.kept.identity.id, address: mount.mounted.package.source.name, name: manifest.name, release: manifest.release,
            root: mount.configuration.root, files: manifest.files, bytes: manifest.bytes, daemonPid: getpid(),
            entry: manifest.entry.isEmpty ? nil : WirePath(bytes: manifest.entry), notice: notice)
    }

    /// As `open`, and tells who waits for it why it takes so long.
    func open(_ request: ControlAPI.MountRequest, explaining progress: @escaping ProgressReporter) async throws -> OpenedPackage {
        let reason = Mutex("it has not answered yet")
        let explanation = Task {
            try await Task.sleep(for: Self.openPatience)
            progress(ProgressReport(done: 0, total: 0, note: reason.withLock { $0 }))
        }
        defer { explanation.cancel() }
        return try await open(request) { text in reason.withLock { $0 = text } }
    }

    /// Opens the package of a request: from what the store keeps, or from the origin.
    func open(_ request: ControlAPI.MountRequest, onRetry: @escaping @Sendable (String) -> Void = { _ in }) async throws -> OpenedPackage {
        try await offPool { try self.requireTrust(request) }
        let pin: Digest?
        if let text = request.root {
            guard let digest = Digest(hex: text) else { throw ControlError(.usage, "The digest in the address is not 64 hexadecimal digits.") }
            pin = digest
        } else {
            pin = nil
        }
        var options = OpenOptions()
        options.fill = request.fill
        options.readTimeoutSeconds = RequestTimeLimit.readTimeout(asked: request.readTimeoutSeconds, kernelLimit: RequestTimeLimit.kernelLimit)
        let log = self.log
        let place = request.mountpoint
        options.onEvent = { event in
            switch event.level {
            case .info: log.info("\(place): \(event.message)")
            case .warning: log.warning("\(place): \(event.message)")
            case .error: log.error("\(place): \(event.message)")
            }
        }
        options.loaderLog = { level, line in
            switch level {
            case .debug: log.debug("\(place): \(line)")
            case .notice: log.notice("\(place): \(line)")
            case .warning: log.warning("\(place): \(line)")
            }
        }
        options.onRetry = onRetry
        options.accept = { [self] (head) async throws(OpenError) in try await accept(head, request) }
        let network = request.network
        let source: any RangeSource
        do throws(OriginURL.Invalid) {
            source = try PackageOrigin.source(address: request.address, secrets: OriginSecrets(request.access)) { name in
                switch name {
                case "http_proxy": network.httpProxy
                case "https_proxy": network.httpsProxy
                case "no_proxy": network.noProxy
                case "SSL_CERT_FILE": network.authorities
                default: nil
                }
            }
        } catch { throw ControlError(.usage, "\(error)") }
        do throws(OpenError) {
            return try await OpenedPackage.open(address: request.address, pin: pin, source: source, store: store, options: options)
        } catch {
            await source.shutdown()
            throw controlError(error)
        }
    }

    func controlError(_ error: OpenError) -> ControlError {
        let code: ControlError.Code = switch error.kind {
        case .unreachable: .originUnreachable
        case .notAPackage: .notAPackage
        case .wrongRoot: .wrongDigest
        case .untrusted: .untrusted
        case .disk: .disk
        }
        return ControlError(code, error.message, hint: error.hint)
    }

    /// Has the keeper mount, then serves. Blocks.
    func attach(_ package: OpenedPackage, _ request: ControlAPI.MountRequest, _ peer: ControlPeer) throws -> DaemonMount {
        let layer = try LayerLock.of(request)
        let cores = max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))))
        let privileged = geteuid() == 0
        let kept: KeptMount
        do throws(KeeperLinkError) {
            kept = try keeper.mount(KeeperLink.MountRequest(
                mountpoint: FilePath(request.mountpoint), fsname: package.source.name, noExec: request.noExec, allowOther: privileged || request.allowOther,
                defaultPermissions: true, clones: UInt16(min(cores, 4) - 1)), companion: layer?.descriptor)
        } catch {
            let code: ControlError.Code = switch error.errno {
            case .noSuchFileOrDirectory, .notDirectory: .mountpointUnusable
            case .permissionDenied, .notPermitted: .permission
            case Errno(rawValue: ENODEV), .noSuchAddressOrDevice: .noFUSE
            default: .internalFailure
            }
            if let refusal = WithoutFUSE.refusal(request, package.source.name, "\(error)", error.errno) { throw refusal }
            throw ControlError(code, "Cannot mount at \(request.mountpoint): \(error)", exit: .permission, errno: error.errno.rawValue)
        }
        let configuration = MountConfiguration(request: request, root: package.root.description, uid: peer.uid, gid: peer.gid)
        do {
            // Before it is unmounted, by whomever: a daemon may die at any time.
            if request.keepFilling == true { remember(configuration) }
            return try serve(kept, package, configuration, layer, state: nil)
        } catch {
            _ = try? keeper.unmount(kept.identity.id, .lazy)
            kept.close()
            throw error
        }
    }

    /// Serves a mount that the keeper holds; returns when it is usable. Blocks.
    private func serve(_ kept: KeptMount, _ package: OpenedPackage, _ configuration: MountConfiguration, _ layer: LayerLock?, state restored: FUSESessionState?) throws -> DaemonMount {
        let id = kept.identity.id
        let file = SessionStateFile(descriptor: kept.stateFile)
        let record = try configuration.encoded()
        let epoch = arguments.epoch
        let log = self.log
        let mounted = try MountedPackage(
            package: package, descriptors: kept.devices, uid: configuration.uid, gid: configuration.gid, restoring: restored,
            onNegotiated: { state in
                do throws(SessionStateError) {
                    try file.write(SessionStateFile.Record(writeEpoch: epoch, session: state.encoded(), configuration: record))
                } catch { log.error("\(configuration.request.mountpoint) will not survive a restart of the daemon: \(error)") }
            },
            onEnd: { [weak self] end in
                // A thread of the session calls: ending joins it, so another one has to do that.
                guard end != .stopped, let daemon = self else { return }
                Thread(name: "unmounted") { daemon.vanished(id) }.detach()
            })
        let mount = DaemonMount(configuration: configuration, kept: kept, mounted: mounted, layer: layer)
        // Known before it is started: the kernel may end the connection at once.
        state.update { $0.mounts[id] = mount }
        do {
            try mounted.start()
        } catch {
            state.update { $0.mounts[id] = nil }
            throw ControlError(
                .noFUSE, "The kernel and incfs do not agree on a FUSE session for \(configuration.request.mountpoint): \(error).",
                hint: "A Linux kernel of 6.1 or later is needed.")
        }
        if restored != nil {
            do throws(SessionStateError) {
                try file.write(SessionStateFile.Record(writeEpoch: epoch, session: restored!.encoded(), configuration: record))
            } catch { log.error("\(configuration.request.mountpoint) will not survive a further restart of the daemon: \(error)") }
        }
        return mount
    }

    /// Goes on with a mount of an earlier daemon. Blocks.
    func restore(_ kept: KeptMount) {
        var kept = kept
        // The keeper has held it all the time.
        let layer = kept.takeCompanion().map { LayerLock(holding: $0) }
        do {
            guard let record = try SessionStateFile(descriptor: kept.stateFile).read() else {
                throw ControlError(.internalFailure, "the earlier daemon had not finished mounting it")
            }
            let configuration = try MountConfiguration(decoding: record.configuration)
            let session = try FUSESessionState(decoding: record.session)
            guard session.canResend else {
                throw ControlError(.internalFailure, "this kernel (before 6.9) cannot send unanswered requests again, and their readers would wait for ever")
            }
            var request = configuration.request
            request.root = configuration.root
            let opened = request
            let package = try onPool { try await self.open(opened) }
            let mount = try serve(kept, package, configuration, layer, state: session)
            if configuration.request.shared { awaitUsers(of: mount) }
            log.notice("\(configuration.request.mountpoint): going on after a restart")
        } catch {
            log.error("cannot go on serving \(kept.identity.mountpoint): \(error); it is unmounted")
            _ = try? keeper.unmount(kept.identity.id, .lazy)
            kept.close()
            abortConnection(kept.identity.minor)
        }
    }

    /// Ends a connection that nobody serves, so that its readers get an error instead of waiting for ever.
    private func abortConnection(_ number: UInt32) {
        do throws(Errno) {
            let file = try SystemCalls.open(FilePath("/sys/fs/fuse/connections/\(number)/abort"), flags: O_WRONLY)
            var one = UInt8(ascii: "1")
            _ = try withUnsafeBytes(of: &one) { (bytes) throws(Errno) in try SystemCalls.write(file.rawValue, bytes) }
        } catch {
            // Gone already with its last descriptor.
        }
    }

    func unmount(_ request: UnmountRequest) async throws {
        try await using {
            if let number = request.release { return try await release(number, request.layer) }
            try await end(try mount(at: request.mountpoint), request.lazy ? .lazy : .normal)
        }
    }

    /// Unmounts and ends what served the mount.
    func end(_ mount: DaemonMount, _ mode: UnmountMode) async throws {
        try await offPool {
            mount.unmounted.store(true, ordering: .releasing)
            do throws(KeeperLinkError) { try self.keeper.unmount(mount.kept.identity.id, mode) } catch {
                mount.unmounted.store(false, ordering: .releasing)
                if error.errno == .resourceBusy {
                    throw ControlError(
                        .mountpointBusy, "\(mount.mountpoint) is in use: a program has files open there or works in it.",
                        hint: "End it ('fuser -vm \(mount.mountpoint)' lists who), or use 'incfs unmount --lazy'.", errno: error.errno.rawValue)
                }
                // Somebody else was faster: what is left is to forget it.
                if error.errno != .noSuchFileOrDirectory { throw ControlError(.internalFailure, "Cannot unmount \(mount.mountpoint): \(error)", errno: error.errno.rawValue) }
            }
            // A lazy unmount leaves readers that go on until they close; the session ends when the kernel says so.
            if mode != .lazy { self.finish(mount) }
        }
    }

    /// The kernel has ended a connection: umount(8), fusermount3(1), or an abort.
    private func vanished(_ id: UInt64) {
        guard let mount = state.withLock({ $0.mounts[id] }) else { return }
        if !mount.unmounted.load(ordering: .acquiring) { _ = try? keeper.unmount(id, .alreadyGone) }
        finish(mount)
    }

    /// Who unmounts with umount(8) and mounts there again may be here before the workers have seen that their connection is over. Blocks
    /// until what the kernel has ended at `mountpoint` is ended here too; returns at once where a mount lives.
    private func endWhatWasUnmounted(at mountpoint: String) {
        guard let mount = state.withLock({ state in state.mounts.values.first { $0.mountpoint == mountpoint } }), let device = mount.kept.devices.first,
            let events = try? SystemCalls.poll(device, events: Int16(POLLIN), timeoutMilliseconds: 0)
        else { return }
        // poll(2) of a FUSE device without its connection.
        if events & Int16(POLLERR | POLLNVAL) != 0 { vanished(mount.kept.identity.id) }
    }

    /// Ends the threads of a mount that is gone, once. Blocks.
    private func finish(_ mount: DaemonMount) {
        if mount.ending.exchange(true, ordering: .acquiringAndReleasing) {
            // Another thread is at it: wait, so that who unmounts finds everything ended.
            state.wait { $0.mounts[mount.kept.identity.id] == nil ? () : nil }
            return
        }
        mount.mounted.stop()
        if !keepFilling(mount) {
            _ = try? onPool { await mount.mounted.package.stop() }
            forget(mount)
        }
        PackageCache(store: store.directory).touch(root: mount.mounted.package.root)
        mount.kept.close()
        mount.layer?.release()
        _ = try? store.commit()
        // Ours to remove, before anybody else can mount there.
        if mount.configuration.request.shared { try? SystemCalls.removeDirectory(FilePath(mount.mountpoint)) }
        state.update { state in
            state.mounts[mount.kept.identity.id] = nil
            state.users[mount.kept.identity.id] = nil
            state.layers[mount.kept.identity.id] = nil
            state.orphans.remove(mount.kept.identity.id)
            state.lastUse = .now
        }
        log.info("\(mount.mountpoint): unmounted")
    }

    /// Refuses to mount over what the daemon itself works with: it would wait for itself.
    private func refuse(_ mountpoint: String) throws {
        let place = FilePath(mountpoint)
        for (what, path) in [("the store \(store.directory)", store.directory), ("the daemon's own programs", (try? SystemCalls.realPath("/proc/self/exe")) ?? "/")]
        where path.starts(with: place) {
            throw ControlError(
                .mountpointUnusable, "A mount at \(mountpoint) would cover \(what), which the mount needs.", hint: "Choose another directory.")
        }
    }

    /// Unmounts everything, lazily if need be. Blocks.
    func endAll() {
        defer { endFills() }
        for mount in state.withLock({ Array($0.mounts.values) }) {
            _ = try? onPool { try await self.end(mount, .lazy) }
        }
    }
}
