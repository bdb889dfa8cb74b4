import Glibc

/// Memory of a caller, between pages that nobody can read or write: what is read or written outside of it is an error at once.
public final class CallerArena {
    public static let size = 1 << 17
    private let whole: UnsafeMutableRawPointer
    public let bytes: UnsafeMutableRawBufferPointer
    public var base: UInt64 { UInt64(UInt(bitPattern: bytes.baseAddress)) }

    public init() {
        let page = 4096
        whole = mmap(nil, Self.size + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)!
        mprotect(whole + page, Self.size, PROT_READ | PROT_WRITE)
        bytes = UnsafeMutableRawBufferPointer(start: whole + page, count: Self.size)
    }

    deinit { munmap(whole, Self.size + 2 * 4096) }

    /// In an input, a pointer into the arena: the mark in the upper half, the place in the lower.
    public static let mark: UInt64 = 0xA5A5_A5A5
    public static func pointer(_ place: Int) -> UInt64 { mark << 32 | UInt64(place) }

    /// What an input's number is as an address.
    public func address(_ number: UInt64) -> UInt64 { number >> 32 == Self.mark ? base &+ UInt64(number & 0xF_FFFF) : number }

    /// Bytes of an input with its marked pointers, at multiples of 8, made real.
    public func relocated(_ input: [UInt8]) -> [UInt8] {
        var output = input
        for at in stride(from: 0, to: input.count - 7, by: 8) {
            let number: UInt64 = input.number(at)
            if number >> 32 == Self.mark { output.replaceSubrange(at..<at + 8, with: ContractTesting.bytes(address(number))) }
        }
        return output
    }

    public func put(_ input: [UInt8], at place: Int) {
        guard place < Self.size else { return }
        let part = relocated(input).prefix(Self.size - place)
        UnsafeMutableRawBufferPointer(rebasing: bytes[place..<place + part.count]).copyBytes(from: part)
    }
}
