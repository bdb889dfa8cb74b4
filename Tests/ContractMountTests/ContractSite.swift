import LinuxSystem
import MountTesting
import Testing

/// A site in which scripts mount as root does or as an ordinary user.
enum ContractSite {
    /// `umount` is what this user ends a mount with. The working directory is his own, with `bin` and an empty `mnt` and `backing` in it.
    private static let prologue = """
        set -e; cd "$SITE/home"; ln -s ../bin bin; mkdir mnt backing
        umount() { if [ "$(id -u)" = 0 ]; then command umount "$@"; else fusermount3 -u -- "$@"; fi; }
        expect() { want=$1; shift; set +e; "$@" > output 2> error; got=$?; set -e; test $got = $want || { echo "$* gave $got, not $want"; cat output error; exit 1; }; }
        # `!` does not end a script with `set -e`.
        not() { if "$@"; then echo "is so: $*"; exit 1; fi; }
        said() { grep -q "$1" error || { echo "not said: $1"; cat error; exit 1; }; }
        daemon_of() { bin/incfs status "$1" --json | sed -n 's/.*"daemon_pid" : \\([0-9]*\\).*/\\1/p'; }

        """

    /// Runs a script to its end, after `prepare`, which root does; a status other than 0 is a failure of the test.
    static func run(_ script: String, as user: MountSite.User = .root, prepare: String = "", seconds: Double = 60) async throws {
        try await MountSite.with(user) { site in
            let environment = ContractMounts.ChecklistTests.environment(site)
            for (text, runner) in [("set -e; cd \"$SITE\"\n" + prepare, MountSite.User.root), (prologue + script, user)] {
                let result = try await site.start("/bin/sh", ["-c", text], as: runner, environment: environment).finish(seconds: seconds)
                #expect(result.status == 0, "\(result)")
            }
        }
    }
}
