/// Everything that a client can ask for.
public enum ControlRequest: Hashable, Sendable {
    /// Who is there? Answered at once.
    case hello
    case mount(MountRequest)
    case unmount(UnmountRequest)
    case status(StatusRequest)
    case wait(WaitRequest)
    case verify(VerifyRequest)
    case prefetch(PrefetchRequest)
    case fetch(FetchRequest)
    case list(ListRequest)
    case cat(CatRequest)
    case stop(StopRequest)
    /// What does the store hold?
    case storeList
    case storeRemove(StoreRemoveRequest)
}

extension ControlRequest: Codable {
    private enum Key: String, CodingKey { case v, op, body }
    private enum Operation: String { case hello, mount, unmount, status, wait, verify, prefetch, fetch, list, cat, stop, storeList = "store_list", storeRemove = "store_remove" }

    public init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: Key.self)
        let version = try fields.decode(Int.self, forKey: .v)
        guard version == ControlProtocol.version else {
            throw ControlError(.protocolVersion, "This daemon speaks version \(ControlProtocol.version) of the control protocol; the request is of version \(version).",
                               hint: "Use the incfs and incfsd of one release.")
        }
        let name = try fields.decode(String.self, forKey: .op)
        switch Operation(rawValue: name) {
        case .hello: self = .hello
        case .mount: self = .mount(try fields.decode(MountRequest.self, forKey: .body))
        case .unmount: self = .unmount(try fields.decode(UnmountRequest.self, forKey: .body))
        case .status: self = .status(try fields.decode(StatusRequest.self, forKey: .body))
        case .wait: self = .wait(try fields.decode(WaitRequest.self, forKey: .body))
        case .verify: self = .verify(try fields.decode(VerifyRequest.self, forKey: .body))
        case .prefetch: self = .prefetch(try fields.decode(PrefetchRequest.self, forKey: .body))
        case .fetch: self = .fetch(try fields.decode(FetchRequest.self, forKey: .body))
        case .list: self = .list(try fields.decode(ListRequest.self, forKey: .body))
        case .cat: self = .cat(try fields.decode(CatRequest.self, forKey: .body))
        case .stop: self = .stop(try fields.decode(StopRequest.self, forKey: .body))
        case .storeList: self = .storeList
        case .storeRemove: self = .storeRemove(try fields.decode(StoreRemoveRequest.self, forKey: .body))
        case nil:
            throw ControlError(.unknownRequest, "This daemon does not know the request “\(String(name.prefix(40)))”.",
                               hint: "Use the incfs and incfsd of one release.")
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var fields = encoder.container(keyedBy: Key.self)
        try fields.encode(ControlProtocol.version, forKey: .v)
        func put(_ operation: Operation, _ body: (any Encodable)? = nil) throws {
            try fields.encode(operation.rawValue, forKey: .op)
            if let body { try fields.encode(body, forKey: .body) }
        }
        switch self {
        case .hello: try put(.hello)
        case .mount(let body): try put(.mount, body)
        case .unmount(let body): try put(.unmount, body)
        case .status(let body): try put(.status, body)
        case .wait(let body): try put(.wait, body)
        case .verify(let body): try put(.verify, body)
        case .prefetch(let body): try put(.prefetch, body)
        case .fetch(let body): try put(.fetch, body)
        case .list(let body): try put(.list, body)
        case .cat(let body): try put(.cat, body)
        case .stop(let body): try put(.stop, body)
        case .storeList: try put(.storeList)
        case .storeRemove(let body): try put(.storeRemove, body)
        }
    }
}
