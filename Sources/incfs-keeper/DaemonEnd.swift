/// How a process ended, from the status of waitpid(2).
enum DaemonEnd: Equatable, CustomStringConvertible {
    case exited(Int32)
    case killed(signal: Int32)

    init(rawStatus: Int32) {
        let signal = rawStatus & 0x7F
        self = signal == 0 ? .exited(rawStatus >> 8 & 0xFF) : .killed(signal: signal)
    }

    var description: String {
        switch self {
        case .exited(let code): "ended with status \(code)"
        case .killed(let signal): "was ended by signal \(signal)"
        }
    }
}
