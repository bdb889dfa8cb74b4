/// What the daemon writes: progress lines, then one answer.
public enum ControlReply: Hashable, Sendable {
    /// Not an answer: more follows.
    case progress(ProgressReport)
    case hello(HelloReport)
    case mounted(MountReport)
    case status(StatusReport)
    case verified(VerifyReport)
    case fetched(FetchReport)
    case listed(ListReport)
    /// Not an answer: more follows.
    case content(ContentReport)
    case store(StoreReport)
    case removed(StoreRemoveReport)
    /// Success with nothing to tell.
    case done
    case error(ControlError)
}

extension ControlReply: Codable {
    private enum Key: String, CodingKey { case v, kind, body }
    private enum Kind: String { case progress, hello, mounted, status, verified, fetched, listed, content, store, removed, done, error }

    public init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: Key.self)
        let version = try fields.decode(Int.self, forKey: .v)
        let kind = Kind(rawValue: try fields.decode(String.self, forKey: .kind))
        // Errors are readable in every version: they are how a version is refused.
        if kind == .error { self = .error(try fields.decode(ControlError.self, forKey: .body)); return }
        guard version == ControlProtocol.version, let kind else {
            throw ControlError(.protocolVersion, "The daemon answered in version \(version) of the control protocol; this incfs speaks version \(ControlProtocol.version).",
                               hint: "Use the incfs and incfsd of one release; `incfs unmount` every mount and try again.")
        }
        switch kind {
        case .progress: self = .progress(try fields.decode(ProgressReport.self, forKey: .body))
        case .hello: self = .hello(try fields.decode(HelloReport.self, forKey: .body))
        case .mounted: self = .mounted(try fields.decode(MountReport.self, forKey: .body))
        case .status: self = .status(try fields.decode(StatusReport.self, forKey: .body))
        case .verified: self = .verified(try fields.decode(VerifyReport.self, forKey: .body))
        case .fetched: self = .fetched(try fields.decode(FetchReport.self, forKey: .body))
        case .listed: self = .listed(try fields.decode(ListReport.self, forKey: .body))
        case .content: self = .content(try fields.decode(ContentReport.self, forKey: .body))
        case .store: self = .store(try fields.decode(StoreReport.self, forKey: .body))
        case .removed: self = .removed(try fields.decode(StoreRemoveReport.self, forKey: .body))
        case .done: self = .done
        case .error: self = .error(try fields.decode(ControlError.self, forKey: .body))
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var fields = encoder.container(keyedBy: Key.self)
        try fields.encode(ControlProtocol.version, forKey: .v)
        func put(_ kind: Kind, _ body: (any Encodable)? = nil) throws {
            try fields.encode(kind.rawValue, forKey: .kind)
            if let body { try fields.encode(body, forKey: .body) }
        }
        switch self {
        case .progress(let body): try put(.progress, body)
        case .hello(let body): try put(.hello, body)
        case .mounted(let body): try put(.mounted, body)
        case .status(let body): try put(.status, body)
        case .verified(let body): try put(.verified, body)
        case .fetched(let body): try put(.fetched, body)
        case .listed(let body): try put(.listed, body)
        case .content(let body): try put(.content, body)
        case .store(let body): try put(.store, body)
        case .removed(let body): try put(.removed, body)
        case .done: try put(.done)
        case .error(let body): try put(.error, body)
        }
    }
}
