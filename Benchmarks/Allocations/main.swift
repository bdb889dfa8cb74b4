// Counts the allocations of READs of present data through the whole data plane: session over a socket pair, package file
// system, volume and store; all threads of the process. Prints JSON: allocations per READ in each state of the object, and in
// the control, a file system that allocates once for each request.
import FUSESession
import Glibc
import LinuxSystem
import ProcessAllocations
import VolumeFUSE

let reads = 20_000

func count<FileSystem: FUSEFileSystem>(_ kernel: Kernel, _ fileSystem: FileSystem, size: UInt32) throws -> Double {
    let session = try FUSESession(fileSystem, descriptors: [kernel.device])
    try kernel.sendInit()
    try session.start()
    try kernel.awaitInit()
    let slots = UInt64(SamplePackage.fileSize) / UInt64(size)
    var place: UInt64 = 1
    func some(_ number: Int) throws {
        for _ in 0..<number {
            place = place &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            guard try kernel.read(node: 2, at: (place >> 33) % slots * UInt64(size), size: size) == Int(size) else { throw Errno.ioError }
        }
    }
    // The first reads open files and load digests.
    try some(reads)
    let before = process_allocations()
    try some(reads)
    let counted = process_allocations() - before
    kernel.unmount()
    _ = session.waitUntilEnd()
    return Double(counted) / Double(reads)
}

func temporaryDirectory() throws -> FilePath {
    let parent = getenv("TMPDIR").map { String(cString: $0) } ?? "/var/tmp"
    var template = Array("\(parent)/incfs-allocations-XXXXXX".utf8CString)
    guard template.withUnsafeMutableBufferPointer({ mkdtemp($0.baseAddress!) }) != nil else { throw Errno(rawValue: errno) }
    return template.withUnsafeBufferPointer { FilePath(platformString: $0.baseAddress!) }
}

let directory = try temporaryDirectory()
do {
    defer { try? SystemCalls.removeTree(directory) }
    let sample = try SamplePackage(in: directory)
    try sample.fill()
    let fileSystem = PackageFileSystem(volume: sample.volume, uid: 0, gid: 0)
    let partial = try count(try Kernel(), fileSystem, size: 4096)
    sample.complete()
    let complete = try count(try Kernel(), fileSystem, size: 4096)
    let window = try count(try Kernel(), fileSystem, size: 131_072)
    let control = try count(try Kernel(), AllocatingFileSystem(fileSystem), size: 4096)
    print("{\"reads\":\(reads),\"partial\":\(partial),\"complete\":\(complete),\"complete_128k\":\(window),\"control\":\(control)}")
}
