import Integrity
import PackageFormat

/// What a look at an object's description gives.
enum ObjectDescription {
    case digest(Digest)
    /// The index pages with its chunks' records are not there yet.
    case waiting([LoadUnit])
}

extension PackageVolume {
    /// A digest of everything that decides which bytes `deliver` stores as the blocks of an object: its extents and, for each
    /// chunk that they lie in, the digest of the stored bytes and how they are decoded. Two packages with the same
    /// description accept the same bytes for each block, so they may share blocks of an object whose whole content nobody
    /// has hashed yet; a package that describes somebody else's content in its own way shares none.
    ///
    /// The extents are in order and checked, so that each chunk comes once.
    func describe(_ object: ObjectRecord, _ extents: [ExtentRecord]) -> ObjectDescription {
        var hasher = SHA256Hasher()
        func add(_ value: some FixedWidthInteger) { withUnsafeBytes(of: value.littleEndian) { hasher.update($0) } }
        add(object.size)
        // It says where in an extent a chunk's bytes belong.
        add(chunkSize)
        var missing: [LoadUnit] = []
        for extent in extents {
            add(extent.fileOffset)
            add(extent.byteCount)
            add(extent.offsetInChunk)
            for number in UInt64(extent.firstChunk)..<UInt64(extent.firstChunk) + extent.chunkCount(chunkSize: UInt32(chunkSize)) {
                switch index.lookUp(chunk: Int(number)) {
                case .record(let chunk):
                    chunk.digest.withUnsafeBytes { hasher.update($0) }
                    add(chunk.rawLength)
                    add(UInt32(chunk.codec.rawValue))
                case .notInstalled(let page): if missing.last != page { missing.append(page) }
                // Nothing is ever delivered through it.
                case .invalid: add(UInt64.max)
                }
            }
        }
        return missing.isEmpty ? .digest(hasher.finish()) : .waiting(missing)
    }
}
