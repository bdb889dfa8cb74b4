import Glibc
import LinuxSystem

extension FUSEMount {
    /// `fusermount3` opens the device, mounts it, and sends the descriptor back over a socket.
    static func mountByFusermount(_ place: FilePath, _ options: MountOptions) throws(MountError) -> MountedDevice {
        let what = "cannot mount on \(place)"
        // It opens the device with our rights: say in our words what its message would not.
        let access = devicePath.withPlatformString { Glibc.access($0, R_OK | W_OK) }
        if access != 0 { throw deviceError(Errno(rawValue: errno), what) }
        guard let fusermount = Fusermount.find() else { throw noFusermount(what) }
        let argument = try argument(place, what)
        var device: CInt = -1
        let outcome: Fusermount.Outcome
        do throws(Errno) {
            let pair = try SystemCalls.socketPair(type: SOCK_STREAM)
            let ours = OwnedDescriptor(pair.0), its = OwnedDescriptor(pair.1)
            outcome = try fusermount.run(["-o", options.fusermountOptions, "--", argument], socket: its.rawValue)
            its.close()
            if outcome.exitCode == 0 { device = try received(over: ours.rawValue) }
        } catch {
            throw MountError(.fusermountFailed, error, what: what, why: "\(fusermount.program) could not be run: \(error)", advice: "look at its permissions: it must be setuid root")
        }
        if outcome.timedOut { throw timedOut(what, fusermount) }
        guard outcome.exitCode == 0 else { throw fusermountError(outcome, what, fusermount) }
        guard device >= 0 else {
            try? unmount(place, lazy: true)
            throw MountError(.fusermountFailed, .ioError, what: what, why: "\(fusermount.program) sent no descriptor", advice: "reinstall the package fuse3")
        }
        return try describe(place, [device], .fusermount)
    }

    /// It has ended by now: what it sent is there, or never comes.
    private static func received(over socket: CInt) throws(Errno) -> CInt {
        var byte: [UInt8] = [0]
        var descriptors: [CInt] = []
        var failure: Errno?
        byte.withUnsafeMutableBytes { buffer in
            do throws(Errno) { _ = try SystemCalls.receive(into: buffer, descriptors: &descriptors, over: socket) } catch { failure = error }
        }
        if let failure { throw failure }
        for extra in descriptors.dropFirst() { SystemCalls.close(extra) }
        return descriptors.first ?? -1
    }

    private static func fusermountError(_ outcome: Fusermount.Outcome, _ what: String, _ program: Fusermount) -> MountError {
        let message = outcome.message
        let why = said(outcome)
        if message.contains("allow_other") {
            return MountError(.notPermitted, .notPermitted, what: what, why: why, advice: "let root add the line user_allow_other to /etc/fuse.conf, or mount without access for others")
        }
        if message.contains("not the owner") || message.contains("no write access") || message.contains("bad mount point") {
            return MountError(.notPermitted, .permissionDenied, what: what, why: why, advice: "mount on a directory that you own")
        }
        if message.contains("too many") {
            return MountError(.tooManyMounts, .noSpace, what: what, why: why, advice: "unmount some, or let root raise mount_max in /etc/fuse.conf")
        }
        if message.contains("Operation not permitted") || message.contains("setuid") {
            return MountError(
                .notPermitted, .notPermitted, what: what, why: why,
                advice: "\(program.program) must be setuid root and the process must not have no_new_privs set (containers and sandboxes set it)")
        }
        return MountError(.fusermountFailed, .permissionDenied, what: what, why: why, advice: "see what \(program.program) says when run by hand, and dmesg")
    }
}
