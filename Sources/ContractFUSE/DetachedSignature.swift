import CSignature

/// A detached PKCS#7 signature.
enum DetachedSignature {
    enum Outcome { case good, malformed, refused }

    /// Whether one of the certificates (PEM) made `signature` over `data`.
    static func check(_ signature: [UInt8], of data: [UInt8], certificate: [UInt8]) -> Outcome {
        switch csignature_check(signature, signature.count, data, data.count, certificate, certificate.count) {
        case 0: .good
        case 1: .malformed
        default: .refused
        }
    }
}
