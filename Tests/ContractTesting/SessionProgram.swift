/// Requests as bytes, for `SessionTrial`. Anything is a program: what is cut off is left out.
///
///     OFFSET SIZE MEANING
///          0    1 what to do (`Step`)
///          1    1 with which open file
///          2    2 bytes that follow
///          4    … they
public struct SessionProgram {
    public enum Step: UInt8, CaseIterable {
        /// 0 command, 4 whether the kernel brings what its number says (0) or all that follows, 5…7 nothing, 8 address, 16 bytes to put there.
        case ioctl
        /// 0 place in the arena, 8 bytes for it.
        case memory
        /// 0 size, 4 flags, 8 offset.
        case read
        /// 0 flags, 4 events.
        case poll
        /// 0 flags, 4 the path; another open file.
        case open
        /// 0 opcode, 4 its payload.
        case request
        /// 0 thread (0: the one that there is), 4 user.
        case caller
    }

    public private(set) var bytes: [UInt8] = []
    public init() {}

    public mutating func add(_ step: Step, _ file: UInt8 = 0, _ payload: [UInt8]) { bytes += [step.rawValue, file] + ContractTesting.bytes(UInt16(payload.count)) + payload }

    public mutating func ioctl(_ file: UInt8, _ command: UInt32, at place: Int = 0x1_0000, _ argument: [UInt8]) {
        add(.ioctl, file, ContractTesting.bytes(command) + [0, 0, 0, 0] + ContractTesting.bytes(CallerArena.pointer(place)) + argument)
    }

    public mutating func memory(_ place: Int, _ content: [UInt8]) { add(.memory, 0, ContractTesting.bytes(UInt64(place)) + content) }

    /// What the bytes say.
    public static func steps(_ bytes: [UInt8]) -> [(step: Step, file: Int, payload: [UInt8])] {
        var steps: [(step: Step, file: Int, payload: [UInt8])] = [], at = 0
        while at + 4 <= bytes.count, steps.count < 64 {
            let length = Int(bytes.number(at + 2, UInt16.self)), end = min(bytes.count, at + 4 + length)
            steps.append((Step.allCases[Int(bytes[at]) % Step.allCases.count], Int(bytes[at + 1]), Array(bytes[at + 4..<end])))
            at = end
        }
        return steps
    }

    /// One step after the other.
    public static func parts(_ bytes: [UInt8]) -> [[UInt8]] {
        var parts: [[UInt8]] = [], at = 0
        while at + 4 <= bytes.count {
            let end = min(bytes.count, at + 4 + Int(bytes.number(at + 2, UInt16.self)))
            parts.append(Array(bytes[at..<end]))
            at = end
        }
        return parts
    }
}
