enum Version {
    /// The release of the command; the daemon's is in the status.
    static let text = "0.1.0"
}
