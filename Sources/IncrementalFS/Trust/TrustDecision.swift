/// What becomes of a package without a pin, given what was accepted at its address before. Pure.
///
/// The web server's certificate says who serves; the remembered name says what. A newer release of the same package is an update. Another
/// package, or an older release than one that was accepted, is what somebody would serve who is not the publisher.
public enum TrustDecision: Equatable, Sendable {
    /// Nothing was known: accepted, remembered, said once.
    case first
    /// The root that was accepted before.
    case same
    /// A newer release: accepted, remembered, said once.
    case update(from: KnownPackage)
    case refused(because: String)

    public static func about(_ offered: KnownPackage, known: KnownPackage?) -> TrustDecision {
        guard let known else { return .first }
        if known.root == offered.root { return .same }
        if known.name != offered.name { return .refused(because: "it was the package “\(known.name)” before, and is “\(offered.name)” now") }
        if offered.sequence < known.sequence {
            return .refused(because: "the release there now is older than the one that was accepted before (\(Self.release(offered)) after \(Self.release(known)))")
        }
        return .update(from: known)
    }

    private static func release(_ package: KnownPackage) -> String {
        package.release.isEmpty ? "number \(package.sequence)" : "\(package.release), number \(package.sequence)"
    }
}
