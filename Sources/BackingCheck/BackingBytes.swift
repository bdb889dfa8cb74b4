import LinuxSystem

/// The bytes of a backing file, of which any number may be asked for anywhere: what is behind the end is not there.
struct BackingBytes {
    let descriptor: CInt
    let length: UInt64
    /// Eight bytes that are read as if they were there.
    private var patch: (place: UInt64, bytes: [UInt8])?

    /// The same bytes with a link that leads to `target`.
    func with(linkAt place: UInt64, to target: UInt64) -> Self {
        var other = self
        other.patch = (place, Self.bytes(target, 8))
        return other
    }

    init(_ descriptor: CInt) throws(Errno) {
        self.descriptor = descriptor
        length = try SystemCalls.status(of: descriptor).size
    }

    /// At most `count` bytes; fewer at the end of the file.
    func read(_ offset: UInt64, _ count: Int) throws(Errno) -> [UInt8] {
        guard offset < length else { return [] }
        let count = Int(min(UInt64(count), length - offset))
        var bytes = [UInt8](repeating: 0, count: count)
        var failure: Errno?
        let got = bytes.withUnsafeMutableBytes { buffer -> Int in
            do throws(Errno) { return try SystemCalls.preadAll(descriptor, into: buffer, at: offset) } catch { failure = error; return 0 }
        }
        if let failure { throw failure }
        bytes.removeLast(count - got)
        if let patch {
            for (place, byte) in zip(patch.place..., patch.bytes) where place >= offset && place - offset < UInt64(got) { bytes[Int(place - offset)] = byte }
        }
        return bytes
    }

    /// The first place from `offset` on that is no hole of the file; nil when nothing but a hole follows.
    func nextData(_ offset: UInt64) -> UInt64? {
        guard offset < length else { return nil }
        do throws(Errno) { return try SystemCalls.seek(descriptor, offset, whence: 3 /* SEEK_DATA */) } catch {
            // A file system that knows no holes has none.
            return error == .noSuchAddressOrDevice ? nil : offset
        }
    }

    /// The little-endian number of `size` bytes at `offset` of an array that has them.
    static func number(_ bytes: some RandomAccessCollection<UInt8>, _ offset: Int, _ size: Int) -> UInt64 {
        bytes.dropFirst(offset).prefix(size).reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }

    static func bytes(_ value: UInt64, _ size: Int) -> [UInt8] { (0..<size).map { UInt8(truncatingIfNeeded: value >> (8 * UInt64($0))) } }
}

extension String {
    /// `0x1a2b`.
    init(place: UInt64) { self = "0x" + String(place, radix: 16) }
    /// `block 7`, `blocks 7 to 9`.
    init(blocks first: UInt64, count: UInt64) { self = count == 1 ? "block \(first)" : "blocks \(first) to \(first + count - 1)" }
    init(hex bytes: some Sequence<UInt8>) {
        let digits = Array("0123456789abcdef")
        self = String(bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] })
    }
}
