import ControlAPI
import Glibc
import LinuxSystem
import Synchronization

/// A place for one test: directories for source, packages, store and mount point, in a mount namespace of its own where
/// `/run`, `/var/log` and `/dev/fuse` are private too. A guardian process holds the namespace and, when the test lets go of
/// it or dies, kills every process in it and removes the directory.
public final class MountSite: Sendable {
    /// Who mounts.
    public enum User: String, CaseIterable, Sendable { case root, nobody }

    public let user: User
    /// Everything lies below it.
    public let directory: FilePath
    private let guardian: ChildProcess
    private let lifeline: CInt
    /// The process whose mount namespace it is.
    public let holder: pid_t
    /// What `/proc/PID/ns/mnt` of everybody in it says.
    let namespace: [UInt8]
    /// Keeps the namespace, and with it its number: the kernel gives the number of one that ended to the next that is made,
    /// and the processes of another site would count as this one's.
    private let namespaceFile: OwnedDescriptor
    private let closed = Mutex(false)

    /// What is published; below the output, so that packages can be made in place.
    public var source: FilePath { output.appending("src") }
    /// Where packages are written.
    public var output: FilePath { directory.appending("out") }
    public var store: FilePath { directory.appending("store") }
    public var mountpoint: FilePath { directory.appending("mnt") }
    /// The executables of this build, as every user can reach them.
    public var programs: FilePath { directory.appending("bin") }

    public init(_ user: User = .root) async throws {
        guard getuid() == 0 else { throw MountTestFailure("Mount tests need root: run them as root or with sudo.") }
        guard access("/dev/fuse", F_OK) == 0 else { throw MountTestFailure("Mount tests need /dev/fuse: modprobe fuse, or mknod -m 0666 /dev/fuse c 10 229.") }
        var template = Array("/tmp/incfs-mount-XXXXXX".utf8CString)
        let made = template.withUnsafeMutableBufferPointer { mkdtemp($0.baseAddress!) != nil }
        guard made else { throw MountTestFailure("no temporary directory: errno \(errno)") }
        let directory = template.withUnsafeBufferPointer { FilePath(platformString: $0.baseAddress!) }
        let lifeline = try SystemCalls.pipe()
        defer { SystemCalls.close(lifeline.read) }
        // Removal happens outside the namespace: inside, the directory has the build's own executables in it.
        let guardian = try ChildProcess(
            "/bin/sh", ["sh", "-c", "export OUTSIDE=$(readlink /proc/self/ns/mnt); unshare -m sh -c \"$INSIDE\"; rm -rf --one-file-system \"$SITE\""],
            environment: ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "INSIDE=\(Self.inside)", "SITE=\(directory)", "PROGRAMS=\(try Self.builds())", "OWNER=\(user)"],
            input: lifeline.read)
        (self.user, self.directory, self.guardian, self.lifeline) = (user, directory, guardian, lifeline.write)
        let word = try await guardian.line()
        guard let pid = pid_t(word) else {
            SystemCalls.close(lifeline.write)
            throw MountTestFailure("no mount namespace: \(try await guardian.finish())")
        }
        holder = pid
        namespaceFile = try SystemCalls.open(FilePath("/proc/\(pid)/ns/mnt"), flags: O_RDONLY)
        namespace = try SystemCalls.readLink(FilePath("/proc/self/fd/\(namespaceFile.rawValue)"))
    }

    deinit { if !closed.withLock({ $0 }) { SystemCalls.close(lifeline) } }

    /// Ends everything and waits until it is gone.
    public func close() async throws {
        guard !closed.withLock({ closed in defer { closed = true }; return closed }) else { return }
        SystemCalls.close(lifeline)
        let end = try await guardian.finish(seconds: 30)
        if end.status != 0 || access("\(directory)", F_OK) == 0 { throw MountTestFailure("the site was not cleaned up: \(end)") }
        // What was killed last may be about to end.
        try await eventually("no process of the site is left", seconds: 20) { self.processes.isEmpty ? true : nil }
    }

    /// Runs `body` with a site and cleans up after it, whatever happens.
    public static func with(_ user: User = .root, _ body: (MountSite) async throws -> Void) async throws {
        let site = try await MountSite(user)
        do { try await body(site) } catch {
            let log = site.log.suffix(4000)
            try? await site.close()
            throw MountTestFailure("\(error)\n--- log of the daemon ---\n\(log)")
        }
        try await site.close()
    }

    private static let inside = """
        set -e
        me=$(readlink /proc/self/ns/mnt)
        [ -n "$me" ] && [ "$me" != "$OUTSIDE" ]
        cd "$SITE"; chmod 755 .
        mkdir -m 755 out out/src bin; mkdir -m 700 store mnt run home; mkdir -m 755 log
        mknod -m 0666 fuse c 10 229
        chown "$OWNER" out out/src store mnt run home
        # Mounts of others are not to be held here.
        grep ' - fuse.incfs ' /proc/self/mountinfo | cut -d' ' -f5 | while read -r m; do umount -l "$m"; done
        mount --bind fuse /dev/fuse
        mount --bind run /run; mount --bind log /var/log
        mount --bind "$PROGRAMS" bin; mount -o remount,bind,ro bin
        cd /
        echo $$
        set +e
        cat >/dev/null
        # A pattern: the brackets of “mnt:[4026531840]” are meant.
        me=$(echo "$me" | sed 's/[][]/\\\\&/g')
        # Everybody else in this namespace; the keeper first of all has to go, or it starts new daemons.
        for round in $(seq 250); do
            found=$(find /proc/[0-9]*/ns/mnt -maxdepth 0 -lname "$me" 2>/dev/null | cut -d/ -f3 | grep -vx $$)
            others=""
            for p in $found; do if [ -e /proc/$p/exe ]; then others="$others $p"; fi; done
            if [ -z "$others" ]; then break; fi
            kill -9 $others 2>/dev/null
            sleep 0.02
        done
        grep -o " $SITE/[^ ]*" /proc/self/mountinfo | sort -ru | while read -r m; do umount -l "$m" 2>/dev/null; done
        exit 0
        """

    /// The directory with the executables of this build: beside the test bundle.
    static func builds() throws -> FilePath {
        // The bundle may be started by a tool of the toolchain; its own path is then an argument.
        for argument in CommandLine.arguments where argument.contains(".xctest") {
            if let real = try? SystemCalls.realPath(FilePath(argument)) { return real.removingLastComponent() }
        }
        return try SystemCalls.realPath("/proc/self/exe").removingLastComponent()
    }
}
