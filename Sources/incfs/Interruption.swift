import ControlAPI
import Glibc
import LinuxSystem

/// Turns the signals that end a command into something that poll(2) sees, so that it can leave nothing behind.
struct Interruption: ~Copyable {
    static let signals = [SIGINT, SIGTERM, SIGHUP]
    private let source: OwnedDescriptor
    var descriptor: CInt { source.rawValue }

    /// Blocks the signals in this process from now on. Call before any thread is started.
    init() throws(ControlError) {
        do { source = try SystemCalls.signalDescriptor(Self.signals) } catch {
            throw ControlError(.internalFailure, "Cannot watch for signals: \(error).", errno: error.rawValue)
        }
    }

    /// The exit status for the signal that is pending (128 plus its number, as shells say it), nil without one.
    func status() -> ExitStatus? {
        guard let signal = try? SystemCalls.nextSignal(source.rawValue) else { return nil }
        return ExitStatus(rawValue: 128 + signal)
    }
}
