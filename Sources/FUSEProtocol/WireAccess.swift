// The only loads and stores of the protocol. Callers have checked the bounds against a size of `FUSELayout`.

extension UnsafeRawPointer {
    @inlinable @inline(__always) func u16(_ offset: Int) -> UInt16 { loadUnaligned(fromByteOffset: offset, as: UInt16.self) }
    @inlinable @inline(__always) func u32(_ offset: Int) -> UInt32 { loadUnaligned(fromByteOffset: offset, as: UInt32.self) }
    @inlinable @inline(__always) func u64(_ offset: Int) -> UInt64 { loadUnaligned(fromByteOffset: offset, as: UInt64.self) }
}

extension UnsafeMutableRawPointer {
    @inlinable @inline(__always) func put(_ value: UInt16, at offset: Int) { storeBytes(of: value, toByteOffset: offset, as: UInt16.self) }
    @inlinable @inline(__always) func put(_ value: UInt32, at offset: Int) { storeBytes(of: value, toByteOffset: offset, as: UInt32.self) }
    @inlinable @inline(__always) func put(_ value: Int32, at offset: Int) { storeBytes(of: value, toByteOffset: offset, as: Int32.self) }
    @inlinable @inline(__always) func put(_ value: UInt64, at offset: Int) { storeBytes(of: value, toByteOffset: offset, as: UInt64.self) }
    @inlinable @inline(__always) func put(_ value: Int64, at offset: Int) { storeBytes(of: value, toByteOffset: offset, as: Int64.self) }
}

extension UnsafeMutableRawBufferPointer {
    /// The start of `size` zeroed bytes. Traps when the caller's buffer is smaller: a bug of the caller, never of the peer.
    @inlinable @inline(__always)
    func cleared(_ size: Int) -> UnsafeMutableRawPointer {
        precondition(count >= size, "encoder: buffer too small")
        let base = baseAddress.unsafelyUnwrapped
        base.initializeMemory(as: UInt8.self, repeating: 0, count: size)
        return base
    }
}
