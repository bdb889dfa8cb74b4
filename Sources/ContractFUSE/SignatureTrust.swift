import LinuxSystem

/// Who may sign files' digests: the certificates (PEM) in a directory, looked at each time, in place of the kernel's
/// `.fs-verity` keyring.
public struct SignatureTrust: Sendable {
    let directory: FilePath?

    /// nil: nobody is trusted, and every signature is refused.
    public init(directory: FilePath?) { self.directory = directory }

    /// Checks a detached PKCS#7 signature over "FSVerity", the algorithm (1), the size (32) and the digest. `ENOKEY` when nobody is
    /// trusted, `EBADMSG` for what is no PKCS#7, `EKEYREJECTED` when nobody trusted made it.
    public func check(_ signature: [UInt8], of digest: [UInt8]) throws(Errno) {
        let formatted = Array("FSVerity".utf8) + [1, 0, 32, 0] + digest
        guard let directory, let names = try? SystemCalls.list(directory), !names.isEmpty else { throw Errno(rawValue: 126 /* ENOKEY */) }
        let certificates = names.sorted { $0.lexicographicallyPrecedes($1) }.compactMap { try? SystemCalls.contents(of: directory.appending(bytes: $0), limit: 1 << 20) }
        var isWellFormed = false
        for certificate in certificates {
            switch DetachedSignature.check(signature, of: formatted, certificate: certificate) {
            case .good: return
            case .malformed: break
            case .refused: isWellFormed = true
            }
        }
        throw isWellFormed ? .keyRejected : .badMessage
    }
}
