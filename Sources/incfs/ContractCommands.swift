import ArgumentParser
import ControlAPI
import Glibc
import LinuxSystem

/// `incfs mount --backing DIR MOUNTPOINT [-o OPTIONS]`: a directory of backing files, by the published interface.
struct BackingMountCommand: Talkative {
    static let configuration = CommandConfiguration(
        commandName: "mount-backing", abstract: "The same as “mount --backing”: mount a directory of backing files.",
        discussion: "Programs that speak the published Incremental FS interface create and fill files in it. End it with incfs unmount, umount or, as an ordinary user, fusermount3 -u.")

    @Option(help: ArgumentHelp("The directory of backing files.", valueName: "directory"))
    var backing: String

    @Argument(help: "An existing directory.")
    var mountpoint: String

    @Option(name: .shortAndLong, help: ArgumentHelp("Mount options of the interface: read_timeout_ms, readahead, rlog_pages, rlog_wakeup_cnt, report_uid, sysfs_name.", valueName: "options"))
    var options: String?

    @OptionGroup var talk: TalkOptions

    func run() throws { try ContractProgram.run(["mount", backing, mountpoint] + ContractProgram.words(options)) }
}

/// `incfs remount MOUNTPOINT -o OPTIONS`.
struct RemountCommand: Talkative {
    static let configuration = CommandConfiguration(
        commandName: "remount", abstract: "Give a mount of backing files other options.",
        discussion: "As mount(8) does with “remount”: what is not mentioned has its default again.")

    @Argument(help: "The mount.")
    var mountpoint: String

    @Option(name: .shortAndLong, help: ArgumentHelp("The new mount options.", valueName: "options"))
    var options: String?

    @OptionGroup var talk: TalkOptions

    func run() throws { try ContractProgram.run(["remount", mountpoint] + ContractProgram.words(options)) }
}

/// `incfs counters MOUNTPOINT`.
struct CountersCommand: Talkative {
    static let configuration = CommandConfiguration(
        commandName: "counters", abstract: "What a mount of backing files counted of its reads.",
        discussion: "The names are those of /sys/fs/incremental-fs/instances/NAME.")

    @Argument(help: "The mount; with --serve the directory to mount on.")
    var mountpoint: String

    @Flag(help: "Mount there what /sys/fs/incremental-fs would show: features, and the counters of mounts with sysfs_name.")
    var serve = false

    @OptionGroup var talk: TalkOptions

    func run() throws { try ContractProgram.run(["counters"] + (serve ? ["--mount"] : []) + [mountpoint]) }
}

/// `incfs-contractd`, which does it all.
enum ContractProgram {
    static func words(_ options: String?) -> [String] { options.map { ["-o", $0] } ?? [] }

    /// `mount --backing` and `mount --image` are commands of their own for the parser.
    static func rewritten(_ arguments: [String]) -> [String] {
        guard arguments.first == "mount" else { return arguments }
        for kind in ["backing", "image"] where arguments.contains(where: { $0 == "--\(kind)" || $0.hasPrefix("--\(kind)=") }) {
            return ["mount-\(kind)"] + arguments.dropFirst()
        }
        return arguments
    }

    /// Runs it to its end; its status is an errno.
    static func run(_ arguments: [String]) throws {
        let program = try Executables.path(of: "incfs-contractd")
        let status: CInt
        do throws(Errno) {
            let child = try SystemCalls.spawn(program, ["incfs-contractd"] + arguments, descriptors: [0, 1, 2])
            status = try SystemCalls.wait(for: child)?.status ?? 0
        } catch { throw ControlError(.daemonUnavailable, "\(program) cannot be started: \(error).", errno: error.rawValue) }
        // It has said itself what is wrong.
        guard status == 0 else { throw exitStatus(errno: status & 0x7F == 0 ? status >> 8 & 0xFF : EIO) }
    }

    static func exitStatus(errno: CInt) -> ExitStatus {
        switch errno {
        case EINVAL: .usage
        case EPERM, EACCES, ENODEV: .permission
        case ENOSPC, EIO, EROFS: .disk
        case ETIMEDOUT: .timedOut
        default: .failure
        }
    }
}
