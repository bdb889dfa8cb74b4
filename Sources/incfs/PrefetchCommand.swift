import ArgumentParser
import ControlAPI

struct PrefetchCommand: Talkative {
    static let configuration = CommandConfiguration(
        commandName: "prefetch",
        abstract: "Fetch files of a mount before the rest; returns at once.",
        discussion: "They come right after what programs wait for. To wait for them: incfs wait --path.")

    @Argument(help: "The mount.")
    var mountpoint: String

    @Argument(help: "Files and directories, as they are below the mount.")
    var paths: [String]

    @OptionGroup var store: StoreOptions
    @OptionGroup var talk: TalkOptions

    func run() throws {
        let place = try MountpointPath.existing(mountpoint)
        let (client, _) = try MountedDaemons.required(place, store: store.store)
        let inside = paths.map { WirePath(MountpointPath.inside($0, of: place)) }
        _ = try client.call(.prefetch(PrefetchRequest(mountpoint: place, paths: inside)))
    }
}
