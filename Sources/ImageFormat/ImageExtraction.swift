import Glibc
import LinuxSystem

/// Takes everything out of an image that has a name. Names are single components, made in directories that this made itself, and never
/// over something that is there; privileges (set-user-id and the like) are left out.
public struct ImageExtraction: ~Copyable {
    private let image: ImageFile
    private var totals = ImageTotals()
    /// The first copy of a file that has several names.
    private var known: [UInt64: CarriedDescriptor] = [:]
    private let buffer: UnsafeMutableRawBufferPointer

    /// Into `directory`, which is made if it is not there. Throws `ENODATA`, and has done nothing, when a block of a file is missing;
    /// `EEXIST` when a name is taken; `EBADMSG` for data that is not what was stored.
    public static func extract(_ image: ImageFile, into directory: FilePath) throws(ImageError) -> ImageTotals {
        try checkComplete(image, image.root, "")
        try ImageError.attempt("\(directory)") { () throws(Errno) in try SystemCalls.makeDirectory(directory, mode: 0o777, existingIsFine: true) }
        let target = try ImageError.attempt("\(directory)") { () throws(Errno) in CarriedDescriptor(try SystemCalls.open(directory, flags: O_RDONLY | O_DIRECTORY)) }
        var extraction = ImageExtraction(image)
        try extraction.fill(target.raw, directory, from: image.root)
        return extraction.totals
    }

    private init(_ image: ImageFile) {
        self.image = image
        buffer = .allocate(byteCount: ImageFile.mostBlocks * ImageLayout.blockSize, alignment: 4096)
    }

    deinit { buffer.deallocate() }

    private static func checkComplete(_ image: ImageFile, _ directory: ImageInode, _ path: FilePath) throws(ImageError) {
        for (name, inode) in image.entries(of: directory) {
            let path = path.appending(String(decoding: name, as: UTF8.self))
            if inode.isDirectory { try checkComplete(image, inode, path); continue }
            let stored = try ImageError.attempt("\(path)") { () throws(Errno) in try image.stored(inode) }
            guard stored.blocks == inode.blocks else { throw ImageError(.noData, "\(path) is incomplete: \(inode.blocks - stored.blocks) of its \(inode.blocks) blocks are missing") }
        }
    }

    private mutating func fill(_ target: CInt, _ path: FilePath, from directory: ImageInode) throws(ImageError) {
        for (name, inode) in image.entries(of: directory) {
            let path = path.appending(String(decoding: name, as: UTF8.self))
            if inode.isDirectory { try makeDirectory(name, in: target, path, inode) } else { try makeFile(name, in: target, path, inode) }
        }
    }

    private mutating func makeDirectory(_ name: [UInt8], in target: CInt, _ path: FilePath, _ inode: ImageInode) throws(ImageError) {
        // Ours alone until everything is in it.
        do throws(Errno) { try SystemCalls.makeDirectory(name, in: target, mode: 0o700) } catch { throw Self.failure(error, path) }
        let inside = try ImageError.attempt("\(path)") { () throws(Errno) in
            CarriedDescriptor(try SystemCalls.open(name: name, in: target, flags: O_RDONLY | O_DIRECTORY | O_NOFOLLOW))
        }
        try fill(inside.raw, path, from: inode)
        try ImageError.attempt("\(path)") { () throws(Errno) in try SystemCalls.setMode(inside.raw, inode.mode & 0o777) }
        totals.directories += 1
    }

    private mutating func makeFile(_ name: [UInt8], in target: CInt, _ path: FilePath, _ inode: ImageInode) throws(ImageError) {
        if let first = known[inode.number] {
            do throws(Errno) { return try SystemCalls.link(first.raw, as: name, in: target) } catch { throw Self.failure(error, path) }
        }
        var new: NewFile
        do throws(Errno) { new = try NewFile(in: target, for: name, mode: 0o600) } catch { throw Self.failure(error, path) }
        var position: UInt64 = 0
        while position < inode.size {
            let piece = UnsafeMutableRawBufferPointer(rebasing: buffer[..<Int(min(UInt64(buffer.count), inode.size - position))])
            switch image.read(inode, from: UInt32(position / UInt64(ImageLayout.blockSize)), into: piece) {
            case .bytes: break
            case .missing(let block): throw ImageError(.noData, "\(path): block \(block) is missing")
            case .failed(let block, let error):
                throw ImageError(error, error == .badMessage ? "\(path): block \(block) is damaged: it is not what was stored" : "\(path): block \(block): \(error)")
            }
            do throws(Errno) { try SystemCalls.pwriteAll(new.descriptor.rawValue, UnsafeRawBufferPointer(piece), at: position) } catch { throw Self.failure(error, path) }
            position += UInt64(piece.count)
        }
        do throws(Errno) {
            try SystemCalls.setMode(new.descriptor.rawValue, inode.mode & 0o777)
            try new.publish(as: name)
            if image.links(of: inode) > 1 { known[inode.number] = CarriedDescriptor(try SystemCalls.duplicate(new.descriptor.rawValue)) }
        } catch { throw Self.failure(error, path) }
        totals.files += 1
        totals.bytes += inode.size
    }

    private static func failure(_ error: Errno, _ path: FilePath) -> ImageError {
        ImageError(error, error == .fileExists ? "\(path) exists already, and is left as it is" : "\(path): \(error)")
    }
}
