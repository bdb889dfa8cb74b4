import BlockCodec
import Glibc
import LinuxSystem

/// Makes an image of a directory: files and directories with their permissions, hard links as such. Owners, times and attributes have
/// no place in an image; anything but files and directories is refused.
public struct ImageBuilder: ~Copyable {
    private let image: ImageFile
    private let compresses: Bool
    private let ownDevice: UInt64, ownInode: UInt64
    private var totals = ImageTotals()
    /// Files of several names, by device and inode.
    private var known: [[UInt64]: UInt64] = [:]
    private let buffer: UnsafeMutableRawBufferPointer
    private let packed: UnsafeMutableRawBufferPointer

    private static let blocksAtOnce = 256

    /// The image has its name when it is whole and on the disk. `EEXIST` when something has that name; `EINVAL` for what an image
    /// cannot have, `ENFILE` for more than it can.
    public static func create(from directory: FilePath, as output: FilePath, compresses: Bool = true) throws(ImageError) -> ImageTotals {
        let source = try ImageError.attempt("\(directory)") { () throws(Errno) in CarriedDescriptor(try SystemCalls.open(directory, flags: O_RDONLY | O_DIRECTORY)) }
        guard let name = output.lastComponent.map({ Array($0.string.utf8) }) else { throw ImageError(.invalidArgument, "\(output) is no name for a file") }
        let above = output.removingLastComponent()
        let place = try ImageError.attempt("\(output)") { () throws(Errno) in
            CarriedDescriptor(try SystemCalls.open(above.isEmpty ? "." : above, flags: O_RDONLY | O_DIRECTORY))
        }
        if (try? SystemCalls.status(name: name, in: place.raw)) != nil { throw ImageError(.fileExists, "\(output) exists already, and is left as it is") }
        var new: NewFile
        do throws(Errno) { new = try NewFile(in: place.raw, for: name, mode: 0o644) } catch { throw ImageError(error, "\(output): \(error)") }
        let copy = try ImageError.attempt("\(output)") { () throws(Errno) in CarriedDescriptor(OwnedDescriptor(try SystemCalls.duplicate(new.descriptor.rawValue).take())) }
        let image = try ImageFile(OwnedDescriptor(copy.take()), .writing(durable: false))
        let status = try ImageError.attempt("\(output)") { () throws(Errno) in try SystemCalls.status(of: image.descriptor) }
        var builder = ImageBuilder(image, compresses, status)
        try builder.add(source.raw, directory, to: ImageLayout.rootInode)
        let totals = builder.totals
        try ImageError.attempt("\(output)") { () throws(Errno) in try image.sync() }
        do throws(Errno) {
            try new.publish(as: name)
            try SystemCalls.fsync(place.raw)
        } catch { throw ImageError(error, error == .fileExists ? "\(output) exists already, and is left as it is" : "\(output): \(error)") }
        return totals
    }

    private init(_ image: ImageFile, _ compresses: Bool, _ status: FileStatus) {
        self.image = image
        self.compresses = compresses
        (ownDevice, ownInode) = (UInt64(status.device), status.inode)
        buffer = .allocate(byteCount: Self.blocksAtOnce * ImageLayout.blockSize, alignment: 4096)
        packed = .allocate(byteCount: Self.blocksAtOnce * ImageLayout.blockSize, alignment: 4096)
    }

    deinit {
        buffer.deallocate()
        packed.deallocate()
    }

    private mutating func add(_ directory: CInt, _ path: FilePath, to parent: UInt64) throws(ImageError) {
        let entries = try ImageError.attempt("\(path)") { () throws(Errno) in try SystemCalls.entries(of: directory) }
        for entry in entries.sorted(by: { $0.name.lexicographicallyPrecedes($1.name) }) where entry.name != [UInt8(ascii: ".")] && entry.name != Array("..".utf8) {
            try add(entry.name, in: directory, path.appending(String(decoding: entry.name, as: UTF8.self)), to: parent)
        }
    }

    private mutating func add(_ name: [UInt8], in directory: CInt, _ path: FilePath, to parent: UInt64) throws(ImageError) {
        let status = try ImageError.attempt("\(path)") { () throws(Errno) in try SystemCalls.status(name: name, in: directory) }
        // The image itself, where it is made in the directory that it is made of.
        if UInt64(status.device) == ownDevice, status.inode == ownInode { return }
        switch status.kind {
        case .directory:
            let inside = try ImageError.attempt("\(path)") { () throws(Errno) in
                CarriedDescriptor(try SystemCalls.open(name: name, in: directory, flags: O_RDONLY | O_DIRECTORY | O_NOFOLLOW))
            }
            let inode = try make(size: 0, mode: UInt32(S_IFDIR) | status.mode & 0o7777, path)
            try give(name, in: parent, to: inode.number, path)
            totals.directories += 1
            try add(inside.raw, path, to: inode.number)
        case .regular:
            let key = [UInt64(status.device), status.inode]
            if let number = known[key] { return try give(name, in: parent, to: number, path) }
            let number = try addFile(name, in: directory, path)
            if status.linkCount > 1 { known[key] = number }
            try give(name, in: parent, to: number, path)
        default: throw ImageError(.invalidArgument, "\(path) is neither a file nor a directory, and an image has nothing else")
        }
    }

    private func make(size: UInt64, mode: UInt32, _ path: FilePath) throws(ImageError) -> ImageInode {
        do throws(Errno) { return try image.makeInode(size: size, mode: mode) } catch {
            throw ImageError(error, error == .tooManyOpenFilesInSystem
                ? "\(path) is one too many: an image has at most \(ImageLimits.mostInodes - 1) files and directories" : "\(path): \(error)")
        }
    }

    private func give(_ name: [UInt8], in parent: UInt64, to inode: UInt64, _ path: FilePath) throws(ImageError) {
        do throws(Errno) { try image.addName(name, in: parent, to: inode) } catch {
            throw ImageError(error, error == .fileExists ? "\(path) has the name that loaders use in a mount: .cmd" : "\(path): \(error)")
        }
    }

    private mutating func addFile(_ name: [UInt8], in directory: CInt, _ path: FilePath) throws(ImageError) -> UInt64 {
        let file = try ImageError.attempt("\(path)") { () throws(Errno) in
            CarriedDescriptor(try SystemCalls.open(name: name, in: directory, flags: O_RDONLY | O_NOFOLLOW | O_NONBLOCK))
        }
        let status = try ImageError.attempt("\(path)") { () throws(Errno) in try SystemCalls.status(of: file.raw) }
        guard status.kind == .regular else { throw ImageError(.invalidArgument, "\(path) is no file any more") }
        let inode = try make(size: status.size, mode: UInt32(S_IFREG) | status.mode & 0o7777, path)
        var position: UInt64 = 0
        while position < status.size {
            let count = Int(min(UInt64(buffer.count), status.size - position))
            let piece = UnsafeMutableRawBufferPointer(rebasing: buffer[..<count])
            let got = try ImageError.attempt("\(path)") { () throws(Errno) in try SystemCalls.preadAll(file.raw, into: piece, at: position) }
            guard got == count else { throw ImageError(.ioError, "\(path) became shorter while it was read") }
            try store(UnsafeRawBufferPointer(piece), of: inode.number, from: UInt32(position / UInt64(ImageLayout.blockSize)), path)
            position += UInt64(count)
        }
        totals.files += 1
        totals.bytes += status.size
        return inode.number
    }

    private mutating func store(_ data: UnsafeRawBufferPointer, of inode: UInt64, from first: UInt32, _ path: FilePath) throws(ImageError) {
        var blocks: [ImageBlock] = []
        var used = 0
        for start in stride(from: 0, to: data.count, by: ImageLayout.blockSize) {
            let block = UnsafeRawBufferPointer(rebasing: data[start..<min(start + ImageLayout.blockSize, data.count)])
            var count = 0
            // Compressed only where that is shorter.
            if compresses, block.count > 1 {
                count = LZ4Block.compress(block, into: UnsafeMutableRawBufferPointer(rebasing: packed[used..<used + block.count - 1])) ?? 0
            }
            let isCompressed = count > 0
            if !isCompressed {
                UnsafeMutableRawBufferPointer(rebasing: packed[used..<used + block.count]).copyMemory(from: block)
                count = block.count
            }
            blocks.append(ImageBlock(inode: inode, block: first + UInt32(start / ImageLayout.blockSize), data: used..<used + count, isCompressed: isCompressed))
            used += count
        }
        if let error = image.store(blocks, from: UnsafeRawBufferPointer(packed)).error { throw ImageError(error, "storing \(path): \(error)") }
        totals.storedBytes += UInt64(used)
    }
}
