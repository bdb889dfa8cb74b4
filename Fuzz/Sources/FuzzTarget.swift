/// One parser under fuzzing: a name, inputs to start from, and a call that must neither crash nor read outside its input.
struct FuzzTarget: Sendable {
    var name: String
    /// Well-formed inputs; mutations start from them and from the kept corpus.
    var seeds: @Sendable () throws -> [[UInt8]]
    var run: @Sendable (UnsafeRawBufferPointer) -> Void
}
