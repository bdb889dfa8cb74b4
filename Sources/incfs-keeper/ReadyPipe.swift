import Glibc
import LinuxSystem

/// Descriptor 3, when whoever started the keeper waits there for the word.
struct ReadyPipe: ~Copyable {
    private var pipe: OwnedDescriptor?

    /// Takes descriptor 3 if it is a pipe; closes everything else that was inherited, so that nobody waits for the
    /// end of a pipe that the keeper keeps open by accident.
    init() {
        var isPipe = false
        if let status = try? SystemCalls.status(of: 3) { isPipe = status.mode & S_IFMT == S_IFIFO }
        SystemCalls.closeAll(from: isPipe ? 4 : 3)
        pipe = isPipe ? OwnedDescriptor(3) : nil
        if isPipe { _ = fcntl(3, F_SETFD, FD_CLOEXEC) }
    }

    mutating func ready() { send("R") }
    mutating func busy() { send("B") }
    mutating func failed(_ sentence: String) { send("E" + sentence) }

    private mutating func send(_ text: String) {
        guard let open = pipe.take() else { return }
        var text = text
        text.withUTF8 { bytes in _ = try? SystemCalls.writeAll(open.rawValue, UnsafeRawBufferPointer(bytes)) }
        open.close()
    }
}
