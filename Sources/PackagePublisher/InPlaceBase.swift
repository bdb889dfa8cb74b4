import LinuxSystem

/// The way from an envelope to the directory that it describes.
enum InPlaceBase {
    /// The relative path from `output` to `directory`, both resolved (realpath(3)), if one lies inside the other or
    /// both have the same parent: then a server that shows one shows the other. Empty when they are the same.
    static func path(from output: FilePath, to directory: FilePath) throws(PublishError) -> [UInt8] {
        let from = components(output), to = components(directory)
        let common = zip(from, to).prefix { $0 == $1 }.count
        let up = from.count - common, down = to.count - common
        guard up == 0 || down == 0 || (up == 1 && down == 1) else { throw .baseNeeded(directory: directory, output: output) }
        let steps = Array(repeating: Array("..".utf8), count: up) + to[common...]
        return Array(steps.joined(separator: [UInt8(ascii: "/")]))
    }

    private static func components(_ path: FilePath) -> [[UInt8]] {
        path.withPlatformString { text in
            var bytes: [UInt8] = []
            var next = text
            while next.pointee != 0 { bytes.append(UInt8(bitPattern: next.pointee)); next += 1 }
            return bytes.split(separator: UInt8(ascii: "/")).map(Array.init)
        }
    }
}
