/// Whether a worker that finds nothing should look again for a while before it sleeps. Worth it only while requests come
/// closer together than a sleeping processor takes to wake; never for a lone request. Pure.
///
/// Invariant: two close arrivals in a row allow a spin; a spin that catches nothing doubles the number that the next one needs.
struct AdaptiveSpin {
    /// How long a spin lasts, in nanoseconds; 0 never spins.
    let duration: UInt64
    private var closeArrivals = 0
    private var needed = 2

    /// A request that had to wake the worker counts as close up to this many durations: the waking itself takes one or two.
    static let closeFactor: UInt64 = 4
    /// A turn of the spin (sched_yield, read) takes half a microsecond. One that takes longer than this, in nanoseconds, gave
    /// the processor to somebody who has work: then spinning is not free, and stops.
    static let longestTurn: UInt64 = 10_000
    /// The most close arrivals that a spin can come to need.
    static let maximumNeeded = 64

    init(duration: UInt64) { self.duration = duration }

    /// True when a spin should be tried now.
    var isWorthwhile: Bool { duration > 0 && closeArrivals >= needed }

    /// The worker slept `nanoseconds` and was woken by a request.
    mutating func woken(after nanoseconds: UInt64) {
        closeArrivals = nanoseconds <= duration * Self.closeFactor ? min(closeArrivals + 1, Self.maximumNeeded) : 0
    }

    /// A spin caught a request.
    mutating func caught() { needed = 2 }

    /// A spin caught nothing.
    mutating func missed() {
        closeArrivals = 0
        needed = min(needed * 2, Self.maximumNeeded)
    }
}
