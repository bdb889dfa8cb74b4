import LinuxSystem
import VolumeCore

/// What others tell the loader's thread. Posting takes a short lock and never waits.
final class LoaderMailbox: Sendable {
    enum Letter: Sendable {
        /// The request queue has something.
        case requests
        case setFilling(Bool)
        case fetched(FetchID, Result<[UInt8], SourceError>)
        case delivered(LoadUnit, Delivery)
    }
    struct Mail {
        var letters: [Letter] = []
        var requests = false
        var stop = false
    }
    private let state = Condition(Mail())

    func post(_ letter: Letter) {
        state.update { state in
            if case .requests = letter { state.requests = true } else { state.letters.append(letter) }
        }
    }

    /// Ends the loader. Safe from a cancellation handler.
    func stop() { state.update { $0.stop = true } }

    /// Takes what has come; waits for something until `deadline` (nil: for ever). Blocks; the loader's thread only.
    /// With `stopping`, an order to stop alone is nothing new.
    func take(until deadline: MonotonicTime?, stopping: Bool = false) -> Mail {
        let mail = state.wait(until: deadline) { state -> Mail? in
            if state.letters.isEmpty && !state.requests && (stopping || !state.stop) { return nil }
            let mail = state
            state.letters = []
            state.requests = false
            return mail
        }
        return mail ?? Mail()
    }
}
