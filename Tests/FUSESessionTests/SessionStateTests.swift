import FUSEProtocol
import FUSESession
import Testing

@Suite struct SessionStateTests {
    static let state = FUSESessionState(
        negotiated: FUSEInitReply(
            minor: 45, maxReadahead: 131072, flags: [.asyncRead, .initExtension, .hasResend], maxBackground: 60_000, congestionThreshold: 59_999,
            maxWrite: 1 << 20, timeGranularity: 1, maxPages: 256, maxStackDepth: 1))

    /// The table of `FUSESessionState`, byte by byte.
    static let record: [UInt8] = [
        0x49, 0x4E, 0x43, 0x46, 0x55, 0x53, 0x45, 0x31,  //  0 magic "INCFUSE1"
        1, 0, 0, 0,  //  8 version
        64, 0, 0, 0,  // 12 length
        7, 0, 0, 0,  // 16 major
        45, 0, 0, 0,  // 20 minor
        0x01, 0, 0, 0x40, 0x80, 0, 0, 0,  // 24 flags
        0, 0, 2, 0,  // 32 max_readahead
        0, 0, 0x10, 0,  // 36 max_write
        0x60, 0xEA,  // 40 max_background
        0x5F, 0xEA,  // 42 congestion_threshold
        0, 1,  // 44 max_pages
        0, 0,  // 46
        1, 0, 0, 0,  // 48 time_gran
        1, 0, 0, 0,  // 52 max_stack_depth
        0, 0, 0, 0, 0, 0, 0, 0,  // 56
    ]

    @Test func theBytes() throws {
        #expect(Self.state.encoded() == Self.record)
        #expect(try FUSESessionState(decoding: Self.record) == Self.state)
        #expect(try FUSESessionState(decoding: Self.record + [9, 9]) == Self.state)
    }

    @Test func everyShorterRecordIsRefused() {
        for length in 0..<64 {
            #expect(throws: FUSESessionState.DecodingError.tooShort) { try FUSESessionState(decoding: Array(Self.record[..<length])) }
        }
    }

    @Test func fieldsAreChecked() {
        func refused(_ offset: Int, _ bytes: [UInt8]) -> FUSESessionState.DecodingError? {
            var record = Self.record
            record.replaceSubrange(offset..<offset + bytes.count, with: bytes)
            do throws(FUSESessionState.DecodingError) { _ = try FUSESessionState(decoding: record); return nil } catch { return error }
        }
        for offset in 0..<8 { #expect(refused(offset, [0]) == .badMagic) }
        #expect(refused(8, [2]) == .unsupportedVersion(2))
        #expect(refused(12, [65]) == .badField("length"))
        #expect(refused(16, [6]) == .badField("major"))
        #expect(refused(20, [30]) == .badField("minor") && refused(20, [46]) == .badField("minor") && refused(20, [31]) == nil)
        #expect(refused(36, [1, 0, 0x10, 0]) == .badField("max_write") && refused(36, [0, 0, 0, 0]) == .badField("max_write"))
        #expect(refused(44, [0, 0]) == .badField("max_pages") && refused(44, [1, 1]) == .badField("max_pages"))
    }
}
