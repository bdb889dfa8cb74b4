import Integrity
import LinuxSystem

/// Where things lie in a store directory.
///
///     objects/ab/<hex>         a complete object: the content, nothing else
///     objects/ab/<hex>.leaves  the digests of its blocks, 32 bytes each; their root is the object's name. Zeros stand for the digest
///                              of a block of zeros
///     partial/ab/<hex>[-<description>]         an incomplete object: sparse, every block at its own offset
///     partial/ab/<hex>[-<description>].side    its state (`Sidecar`)
///     slabs/log                which small object lies where (`SlabRecord`)
///     slabs/00000000           small objects one after another
///     packages/<hex>/          what a package's owner keeps about it
///
/// `<hex>` are the 64 lower-case digits of the content digest (of a package: of its root); `ab` are the first two.
/// `<description>` are those of what an incomplete object's blocks were verified against (`PlainStore.object`).
struct StoreLayout: Sendable {
    let root: FilePath

    var objects: FilePath { root.appending("objects") }
    var partial: FilePath { root.appending("partial") }
    var slabs: FilePath { root.appending("slabs") }
    var packages: FilePath { root.appending("packages") }
    var slabLog: FilePath { slabs.appending("log") }

    func slab(_ number: UInt64) -> FilePath {
        let digits = String(number)
        return slabs.appending(String(repeating: "0", count: max(0, 8 - digits.count)) + digits)
    }

    /// The files of one object, incomplete as `description` has it.
    func paths(_ id: Digest, _ description: Digest) -> ObjectPaths {
        let hex = id.description
        return ObjectPaths(root: root, directory: String(hex.prefix(2)), name: hex, partialName: description == .zero ? hex : "\(hex)-\(description)")
    }
}

/// The files of one object; made when needed, not kept.
struct ObjectPaths {
    let root: FilePath
    let directory: String
    let name: String
    let partialName: String

    var completeDirectory: FilePath { root.appending("objects/\(directory)") }
    var partialDirectory: FilePath { root.appending("partial/\(directory)") }
    var complete: FilePath { root.appending("objects/\(directory)/\(name)") }
    var leaves: FilePath { root.appending("objects/\(directory)/\(name).leaves") }
    var data: FilePath { root.appending("partial/\(directory)/\(partialName)") }
    var side: FilePath { root.appending("partial/\(directory)/\(partialName).side") }
}
