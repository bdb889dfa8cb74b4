import ContractVolume
import Glibc
import LinuxSystem

/// The daemon of contract mounts and what talks to it. Started as `mount.incremental-fs` it is the helper of mount(8).
///
///     mount.incremental-fs DIRECTORY MOUNTPOINT [-o OPTIONS]
///     incfs-contractd mount DIRECTORY MOUNTPOINT [-o OPTIONS]
///     incfs-contractd mount-image FILE MOUNTPOINT [-o OPTIONS]
///     incfs-contractd remount MOUNTPOINT [-o OPTIONS]
///     incfs-contractd counters MOUNTPOINT
///     incfs-contractd counters --mount MOUNTPOINT
@main
enum ContractMain {
    static func main() {
        let all = CommandLine.arguments
        do throws(Failure) {
            if all.first?.split(separator: "/").last == "mount.incremental-fs" { return try mount(Array(all.dropFirst()), isHelper: true) }
            switch all.dropFirst().first {
            case "mount": try mount(Array(all.dropFirst(2)), isHelper: false)
            case "mount-image":
                let (places, options) = try arguments(Array(all.dropFirst(2)))
                guard places.count == 2 else { throw Failure(.invalidArgument, "usage: mount-image FILE MOUNTPOINT [-o OPTIONS]") }
                try ImageMount.mount(places[0], places[1], MountWords(options))
            case "remount":
                let (places, options) = try arguments(Array(all.dropFirst(2)))
                guard places.count == 1 else { throw Failure(.invalidArgument, "usage: remount MOUNTPOINT [-o OPTIONS]") }
                try MountClient.remount(places[0], MountWords(options))
            case "counters" where all.count == 3: for counter in try MountClient.counters(all[2]) { print(counter) }
            case "counters" where all.count == 4 && all[2] == "--mount": try CountersMount.mount(all[3])
            case "serve" where all.count == 3: DaemonProcess.run(FilePath(all[2]))
            case "clone-mount" where all.count == 3: UserClone.run(FilePath(all[2]))
            case "tidy" where all.count > 5: Tidying.run(Array(all.dropFirst(2)))
            case "serve-image" where all.count == 3: ImageDaemon.run(timeoutMilliseconds: UInt32(all[2]) ?? ContractOptions().readTimeoutMilliseconds)
            case "serve-counters" where all.count == 2: CountersMount.serve()
            default: throw Failure(.invalidArgument, "usage: incfs-contractd mount|mount-image|remount|counters …")
            }
        } catch { error.exit() }
    }

    private static func mount(_ words: [String], isHelper: Bool) throws(Failure) {
        let (places, options) = try arguments(words)
        guard places.count == 2 else { throw Failure(.invalidArgument, "usage: mount.incremental-fs DIRECTORY MOUNTPOINT [-o OPTIONS]") }
        let parted = MountWords(options)
        if parted.isRemount { try MountClient.remount(places[1], parted) } else { try MountClient.mount(places[0], places[1], parted) }
    }

    /// Places and what follows `-o`; the flags that mount(8) gives its helpers change nothing here.
    private static func arguments(_ words: [String]) throws(Failure) -> (places: [String], options: String) {
        var places: [String] = [], options: [String] = []
        var index = 0
        while index < words.count {
            let word = words[index]
            index += 1
            switch word {
            case "-o", "-t", "-N":
                guard index < words.count else { throw Failure(.invalidArgument, "\(word) needs a value") }
                if word == "-o" { options.append(words[index]) }
                index += 1
            case "-s", "-f", "-n", "-v": break
            case _ where word.hasPrefix("-o"): options.append(String(word.dropFirst(2)))
            case _ where word.hasPrefix("-") && word != "-": throw Failure(.invalidArgument, "\(word): there is no such flag")
            default: places.append(word)
            }
        }
        return (places, options.joined(separator: ","))
    }
}
