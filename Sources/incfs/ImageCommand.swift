import ArgumentParser
import ControlAPI
import Glibc
import ImageFormat
import LinuxSystem

/// `incfs image`: volumes that are one file.
struct ImageCommand: Talkative {
    static let configuration = CommandConfiguration(
        commandName: "image",
        abstract: "Make, look into and unpack an image: one file that is a whole volume.",
        discussion: """
            An image can be copied, mailed, and mounted elsewhere with: incfs mount --image FILE MOUNTPOINT

            It holds files, directories and hard links, at most \(ImageLimits.mostInodes - 1) of them, with their permissions, and nothing else: no owners, \
            times, symbolic links or attributes. Every block has a checksum, which is compared at each read from the disk.
            """,
        subcommands: [ImageCreateCommand.self, ImageListCommand.self, ImageExtractCommand.self])

    @OptionGroup var talk: TalkOptions

    /// Opens one for reading.
    static func open(_ file: String) throws(ControlError) -> ImageFile {
        let descriptor = try descriptor(file)
        do throws(ImageError) { return try ImageFile(descriptor, .reading) } catch { throw failure("\(file) cannot be read", error) }
    }

    private static func descriptor(_ file: String) throws(ControlError) -> OwnedDescriptor {
        do throws(Errno) { return try SystemCalls.open(FilePath(file), flags: O_RDONLY | O_NONBLOCK) } catch {
            throw ControlError(error == .permissionDenied ? .permission : .usage, "\(file) cannot be opened: \(error).", errno: error.rawValue)
        }
    }

    static func failure(_ what: String, _ error: ImageError) -> ControlError {
        let (code, hint): (ControlError.Code, String?) =
            switch error.errno {
            case .badMessage: (.untrusted, "Get the image again from where it came from.")
            case .illegalByteSequence: (.notAPackage, "Images are made with: incfs image create DIR -o FILE")
            case .permissionDenied, .notPermitted: (.permission, nil)
            case .noSpace, .ioError, .readOnlyFileSystem: (.disk, nil)
            case .noData: (.internalFailure, "Mount it where its loader is, and take it when everything is loaded.")
            case .fileExists, .invalidArgument, .notDirectory, .noSuchFileOrDirectory, .tooManyOpenFilesInSystem: (.usage, nil)
            default: (.internalFailure, nil)
            }
        return ControlError(code, "\(what): \(error).", hint: hint, errno: error.errno.rawValue)
    }
}

struct ImageCreateCommand: Talkative {
    static let configuration = CommandConfiguration(
        commandName: "create", abstract: "Make an image of a directory.",
        discussion: "The image has its name when it is whole and on the disk. Nothing is overwritten.")

    @Argument(help: ArgumentHelp("What goes into the image.", valueName: "directory"))
    var directory: String

    @Option(name: .shortAndLong, help: ArgumentHelp("The image.", valueName: "file"))
    var output: String

    @Flag(name: .customLong("raw"), help: "Store every block as it is, instead of compressing (LZ4) those that become shorter.")
    var raw = false

    @OptionGroup var talk: TalkOptions

    func run() throws {
        let totals: ImageTotals
        do throws(ImageError) { totals = try ImageBuilder.create(from: FilePath(directory), as: FilePath(output), compresses: !raw) } catch {
            throw ImageCommand.failure("No image was made of \(directory)", error)
        }
        Terminal.confirm("\(output): \(HumanText.count(totals.files, "file")), \(HumanText.bytes(totals.bytes)), stored in \(HumanText.bytes(totals.storedBytes))")
    }
}

struct ImageListCommand: Talkative {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List what is in an image, without mounting it.",
        discussion: "Mode, names, size, blocks that are there of those it has, path. Files without a name come last.")

    @Argument(help: ArgumentHelp("The image.", valueName: "file"))
    var file: String

    @OptionGroup var talk: TalkOptions

    @Flag(help: "Print the list as JSON.")
    var json = false

    func run() throws {
        let report: ImageReport
        let image = try ImageCommand.open(file)
        do throws(ImageError) { report = try ImageReport(image) } catch { throw ImageCommand.failure("\(file) cannot be read", error) }
        if json { return try Terminal.json(report) }
        for note in report.notes { Terminal.note("\(file): \(note)") }
        let entries = report.entries, width = entries.map { "\($0.size)".count }.max() ?? 0
        for entry in entries {
            let name = entry.path.map { Terminal.printable($0).map { $0 == "\n" ? "?" : String($0) }.joined() } ?? "(inode \(entry.inode), without a name)"
            let mode = ListCommand.mode(ListEntry(
                path: WirePath(""), kind: entry.kind == .directory ? .directory : .file, mode: UInt16(entry.mode, radix: 8) ?? 0, linkCount: 0, size: 0, modifiedSeconds: 0,
                modifiedNanoseconds: 0, target: nil))
            let size = String(repeating: " ", count: width - "\(entry.size)".count) + "\(entry.size)"
            Terminal.output("\(mode) \(entry.linkCount) \(size) \(entry.blocksPresent)/\(entry.blocksTotal) \(name)")
        }
    }
}

struct ImageExtractCommand: Talkative {
    static let configuration = CommandConfiguration(
        commandName: "extract", abstract: "Unpack an image into a directory.",
        discussion: "Every block is checked. Nothing is overwritten; set-user-id bits and the like are left out. An image that is not complete is refused.")

    @Argument(help: ArgumentHelp("The image.", valueName: "file"))
    var file: String

    @Argument(help: ArgumentHelp("Where to; made if it is not there.", valueName: "directory"))
    var directory: String

    @OptionGroup var talk: TalkOptions

    func run() throws {
        let image = try ImageCommand.open(file)
        let totals: ImageTotals
        do throws(ImageError) { totals = try ImageExtraction.extract(image, into: FilePath(directory)) } catch {
            throw ImageCommand.failure("\(file) was not unpacked", error)
        }
        Terminal.confirm("\(directory): \(HumanText.count(totals.files, "file")), \(HumanText.bytes(totals.bytes))")
    }
}

/// `incfs mount --image FILE MOUNTPOINT [-o OPTIONS]`.
struct ImageMountCommand: Talkative {
    static let configuration = CommandConfiguration(
        commandName: "mount-image", abstract: "The same as “mount --image”: mount one file that is a whole volume.",
        discussion: "An empty file becomes an empty volume. Loaders make files and fill them through .cmd in it. End it with incfs unmount, umount or, as an ordinary user, fusermount3 -u.")

    @Option(help: ArgumentHelp("The image.", valueName: "file"))
    var image: String

    @Argument(help: "An existing directory.")
    var mountpoint: String

    @Option(name: .shortAndLong, help: ArgumentHelp("Mount options: read_timeout_ms, how long a read waits for a missing block (default 1000).", valueName: "options"))
    var options: String?

    @OptionGroup var talk: TalkOptions

    func run() throws { try ContractProgram.run(["mount-image", image, mountpoint] + ContractProgram.words(options)) }
}
