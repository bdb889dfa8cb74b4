/// What a `MisbehavingOrigin` does with one request.
public enum Misbehaviour: Sendable, Equatable {
    /// Answers as a good server does: 206 with the range, 416 beyond the end, 200 without a Range header, 404.
    case honest
    /// Answers 200 with the whole file whatever the Range header says; `announce: false` leaves Content-Length out.
    case ignoreRange(announce: Bool = true)
    /// Answers 206 for a range that begins `by` bytes later, and says so.
    case shiftRange(by: Int)
    /// Answers 206 without a Content-Range.
    case omitContentRange
    /// Announces all and sends `bytes` fewer, then closes.
    case shortBody(by: Int)
    /// Announces `by` more bytes than the range has, and sends them.
    case longBody(by: Int)
    /// The right Content-Range without a length, and `by` bytes too many, then closes.
    case overrun(by: Int)
    /// A login page, with 200.
    case webPage
    /// The right range, with a Content-Encoding.
    case encoded(String)
    /// A status with headers and a short text.
    case status(Int, [String: String] = [:])
    /// 302 (or another status) to `location`.
    case redirect(String, status: Int = 302)
    /// Sends the head and half of the body, and then nothing.
    case stall
    /// Reads the request and never answers.
    case silence
    /// Closes the connection without an answer.
    case drop
    /// The right range with its first byte flipped.
    case damage
    /// Honest, with this ETag.
    case tagged(String)
}
