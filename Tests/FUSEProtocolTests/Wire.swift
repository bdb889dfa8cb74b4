import FUSEProtocol

// Fixtures are written field by field in the kernel's order: u16, u32, u64, then text. The comment beside each is its name
// in linux/fuse.h.

func u16(_ value: UInt16) -> [UInt8] { withUnsafeBytes(of: value) { Array($0) } }
func u32(_ value: UInt32) -> [UInt8] { withUnsafeBytes(of: value) { Array($0) } }
func u64(_ value: UInt64) -> [UInt8] { withUnsafeBytes(of: value) { Array($0) } }
func i32(_ value: Int32) -> [UInt8] { withUnsafeBytes(of: value) { Array($0) } }
func i64(_ value: Int64) -> [UInt8] { withUnsafeBytes(of: value) { Array($0) } }
func text(_ value: String) -> [UInt8] { Array(value.utf8) }
func zeros(_ count: Int) -> [UInt8] { [UInt8](repeating: 0, count: count) }

/// A request: `struct fuse_in_header` in front of `payload`.
func request(_ opcode: UInt32, unique: UInt64 = 0x1122, node: UInt64 = 7, _ payload: [UInt8]...) -> [UInt8] {
    let body = payload.flatMap { $0 }
    return [
        u32(UInt32(40 + body.count)),  // len
        u32(opcode),  // opcode
        u64(unique),  // unique
        u64(node),  // nodeid
        u32(1000),  // uid
        u32(1001),  // gid
        u32(4242),  // pid
        u16(0),  // total_extlen
        u16(0),  // padding
    ].flatMap { $0 } + body
}

/// Parses and hands the operation to `body` while its bytes live.
func parsing<Result>(_ bytes: [UInt8], _ body: (FUSERequest) throws -> Result) throws -> Result {
    try bytes.withUnsafeBytes { raw in try body(try FUSERequest.parse(raw)) }
}

/// What an encoder writes into a buffer of 0xFF, which shows bytes that it forgot to clear.
func encoding(room: Int = 4096, _ encode: (UnsafeMutableRawBufferPointer) -> Int) -> [UInt8] {
    var buffer = [UInt8](repeating: 0xFF, count: room)
    let count = buffer.withUnsafeMutableBytes { encode($0) }
    return Array(buffer[..<count])
}

func withBytes<Result>(_ value: String, _ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
    try text(value).withUnsafeBytes(body)
}
