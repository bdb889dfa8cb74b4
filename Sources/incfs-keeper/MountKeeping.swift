import FUSEMount
import KeeperLink
import LinuxSystem

/// The mounts of this keeper by id, and what can be done to them. Nothing here looks into a mounted tree.
struct MountKeeping {
    private(set) var mounts: [UInt64: HeldMount] = [:]
    private var lastID: UInt64 = 0

    var isEmpty: Bool { mounts.isEmpty }
    /// In the order they were made.
    var inOrder: [HeldMount] { mounts.values.sorted { $0.identity.id < $1.identity.id } }

    /// Mounts and keeps the descriptors, the daemon's `companion` among them; it stays the caller's when this fails.
    mutating func mount(_ request: MountRequest, companion: CInt?) throws(MountFailure) -> HeldMount {
        let options = MountOptions(
            fsname: request.fsname, subtype: request.subtype, readOnly: request.readOnly, noExec: request.noExec, allowOther: request.allowOther,
            defaultPermissions: request.defaultPermissions, maxRead: request.maxRead, clones: Int(request.clones),
            readAheadKiB: request.readAheadKiB == 0 ? nil : Int(request.readAheadKiB))
        let state: OwnedDescriptor
        do throws(Errno) { state = try SessionStateFile.create(name: "incfs-session") } catch {
            throw MountFailure(errno: error, sentence: "cannot mount on \(request.mountpoint): no memory for its state: \(error)")
        }
        let made = BoundedCall.run("keeper-mount", late: Self.undo) { () -> Result<MountedDevice, MountError> in
            do throws(MountError) { return .success(try FUSEMount.mount(at: request.mountpoint, options: options)) } catch { return .failure(error) }
        }
        switch made {
        case .success(let device)?:
            lastID += 1
            let identity = MountIdentity(
                id: lastID, mountpoint: device.mountpoint, kind: device.how == .privileged ? .privileged : .fusermount,
                major: device.device.major, minor: device.device.minor)
            let held = HeldMount(identity: identity, descriptors: [state.take()] + device.descriptors, companion: companion)
            mounts[lastID] = held
            return held
        case .failure(let error)?: throw MountFailure(errno: error.errno, sentence: "\(error)")
        case nil:
            throw MountFailure(errno: .timedOut, sentence: "cannot mount on \(request.mountpoint): its path does not answer; choose a directory on a local file system")
        }
    }

    /// Unmounts and closes the descriptors; a mount that somebody else has unmounted is only closed.
    mutating func unmount(_ id: UInt64, _ mode: UnmountMode) throws(MountFailure) {
        guard let held = mounts[id] else { throw MountFailure(errno: .noSuchFileOrDirectory, sentence: "there is no mount number \(id)") }
        if mode != .alreadyGone { try end(held, lazy: mode == .lazy) }
        held.close()
        mounts[id] = nil
    }

    mutating func setReadAhead(_ id: UInt64, kib: UInt32) throws(MountFailure) {
        guard let held = mounts[id] else { throw MountFailure(errno: .noSuchFileOrDirectory, sentence: "there is no mount number \(id)") }
        do throws(Errno) { try FUSEMount.setReadAhead(held.device, kib: Int(kib)) } catch {
            throw MountFailure(errno: error, sentence: "the readahead window of \(held.identity.mountpoint) cannot be set: \(error); only root can")
        }
    }

    /// Ends all mounts, out of sight at once; returns what went wrong. With the daemon gone, closing the descriptors ends
    /// whoever still reads.
    mutating func unmountAll() -> [String] {
        var failures: [String] = []
        // The newest first: one may lie inside another's directory.
        for held in inOrder.reversed() {
            do throws(MountFailure) { try end(held, lazy: true) } catch { failures.append(error.sentence) }
            held.close()
        }
        mounts = [:]
        return failures
    }

    private func end(_ held: HeldMount, lazy: Bool) throws(MountFailure) {
        let mountpoint = held.identity.mountpoint
        let table = try? MountTable.current()
        if let table {
            guard table.entries.contains(where: { $0.device == held.device && $0.mountpoint == mountpoint }) else { return }
            guard table.topmost(at: mountpoint)?.device == held.device else {
                throw MountFailure(errno: .resourceBusy, sentence: "cannot unmount \(mountpoint): something else is mounted over it; unmount that first")
            }
        }
        let ended = BoundedCall.run("keeper-unmount") { () -> Result<Void, MountError> in
            do throws(MountError) { return .success(try FUSEMount.unmount(mountpoint, lazy: lazy)) } catch { return .failure(error) }
        }
        switch ended {
        case .success?: return
        case .failure(let error)?:
            // Somebody was faster.
            if error.code == .notMounted { return }
            throw MountFailure(errno: error.errno, sentence: "\(error)")
        case nil:
            throw MountFailure(
                errno: .timedOut,
                sentence: "unmounting \(mountpoint) hangs in the kernel; try again, or end it by writing 1 to /sys/fs/fuse/connections/\(held.device.minor)/abort")
        }
    }

    /// A mount that was made after nobody waited for it any more.
    @Sendable private static func undo(_ made: Result<MountedDevice, MountError>) {
        guard case .success(let device) = made else { return }
        try? FUSEMount.unmount(device.mountpoint, lazy: true)
        for descriptor in device.descriptors { SystemCalls.close(descriptor) }
    }
}

/// What a request of the daemon is answered with when it fails.
struct MountFailure: Error {
    var errno: Errno
    var sentence: String
}

extension HeldMount {
    var device: DeviceNumber { DeviceNumber(major: identity.major, minor: identity.minor) }
}
