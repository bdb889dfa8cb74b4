import ContractTesting

/// One parser under fuzzing: a name, inputs to start from, and a call that must neither crash nor read outside its input.
struct FuzzTarget: Sendable {
    var name: String
    /// Well-formed inputs; mutations start from them and from the kept corpus.
    var seeds: @Sendable () throws -> [[UInt8]]
    var run: @Sendable (UnsafeRawBufferPointer) -> Void
    /// How inputs are changed; nil: as any bytes.
    var mutate: (@Sendable ([UInt8], [UInt8], inout Mutator) -> [UInt8])?
}
