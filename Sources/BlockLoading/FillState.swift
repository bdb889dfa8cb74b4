import LinuxSystem

/// Where the background fill stands. It asks the volume for missing units pass by pass until a whole pass brings
/// nothing new while nothing is under way; then it is done, and looks again from time to time.
struct FillState {
    var on: Bool
    /// A question is out.
    var asking = false
    /// The next question starts a new pass.
    var restart = true
    /// Units that this pass has added.
    var added = 0
    /// Something was stored since this pass began.
    var progress = false
    /// The pass is over: wait until what it brought is settled, or until this time.
    var pausedUntil: MonotonicTime?
    /// A whole pass found nothing with nothing under way.
    var done = false

    /// How long a pass that is over waits before the next, unless everything is settled earlier, in milliseconds.
    static let passPause: UInt64 = 1000
    /// Units asked for at once.
    static let batch = 256
    /// Ask for more when fewer background units than this are ready.
    static let lowWater = 64

    init(on: Bool) { self.on = on }

    /// Looks at everything again soon: the package has grown, or somebody wants it.
    mutating func wake() {
        pausedUntil = nil
        restart = true
        done = false
    }
}
