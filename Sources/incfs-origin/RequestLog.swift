import Glibc
import LinuxSystem
import Synchronization

/// One line for each request: time, method, path, range, status, body bytes sent, milliseconds.
final class RequestLog: Sendable {
    private let descriptor: OwnedDescriptor

    /// Takes over a descriptor open for appending.
    init(_ descriptor: consuming OwnedDescriptor) { self.descriptor = descriptor }

    func record(method: String, target: String, range: String?, status: Int, bytes: UInt64, started: MonotonicTime) {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        let stamp = HTTPDate.logText(seconds: Int64(time.tv_sec), milliseconds: time.tv_nsec / 1_000_000)
        let milliseconds = MonotonicTime.now.since(started) / 1_000_000
        write("\(stamp) \(Self.printable(method)) \(Self.printable(target)) \(range.map(Self.printable) ?? "-") \(status) \(bytes) \(milliseconds)ms\n")
    }

    /// One write(2) for each line: lines of several threads never mix. A full disk loses lines, never requests.
    private func write(_ line: String) {
        let bytes = Array(line.utf8)
        bytes.withUnsafeBytes { _ = try? SystemCalls.write(descriptor.rawValue, $0) }
    }

    /// A client's text as one word: nothing that moves a terminal's cursor or forges a line.
    private static func printable(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars.prefix(2048) {
            if scalar.value <= 0x20 || (0x7f...0xa0).contains(scalar.value) { result += "%" + String(scalar.value, radix: 16, uppercase: true) } else { result.unicodeScalars.append(scalar) }
        }
        return result.isEmpty ? "-" : result
    }
}
