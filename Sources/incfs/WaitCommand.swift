import ArgumentParser
import ControlAPI

struct WaitCommand: Talkative {
    static let configuration = CommandConfiguration(
        commandName: "wait",
        abstract: "Wait until everything of a mount, or some of its files, are there.",
        discussion: "What --path names comes right after what programs wait for. Exit status 7 when the time is over. Interrupting it stops the waiting, not the fetching.")

    @Argument(help: "The mount.")
    var mountpoint: String

    @OptionGroup var store: StoreOptions
    @OptionGroup var talk: TalkOptions

    @Flag(help: "Wait for everything.")
    var complete = false

    @Option(help: ArgumentHelp("Wait for the files that match, below the mount; * stays within one name, a directory stands for all in it. Can be repeated.", valueName: "glob"))
    var path: [String] = []

    @Option(help: ArgumentHelp("Give up after so many seconds.", valueName: "seconds"))
    var timeout: Double?

    func validate() throws {
        if complete == !path.isEmpty { throw ValidationError("Say what to wait for: either --complete or --path.") }
        if let timeout, !(timeout >= 0 && timeout <= 1e9) { throw ValidationError("--timeout must be a number of seconds, not below 0.") }
    }

    func run() throws {
        let place = try MountpointPath.existing(mountpoint)
        let (client, mount) = try MountedDaemons.required(place, store: store.store)
        var progress = ProgressLine("fetched", from: mount.address)
        defer { progress.finish() }
        _ = try client.call(.wait(WaitRequest(mountpoint: place, timeoutSeconds: timeout, patterns: complete ? nil : path.map { WirePath(MountpointPath.inside($0, of: place)) }))) { progress.show($0) }
    }
}
