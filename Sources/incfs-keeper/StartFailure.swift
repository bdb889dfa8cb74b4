/// Why the keeper cannot start; the sentence goes to whoever waits for it.
struct StartFailure: Error {
    /// sysexits(3).
    enum Status: Int32 {
        case cannotCreate = 73
        case busy = 75
    }
    var status: Status
    var sentence: String
}
