import ContractTesting
import LinuxSystem
import Testing

/// The inputs of the fuzzer that are kept, those that it starts from, and some that are new each time the sources change but not each time
/// they are tried: `make fuzz` is the long form.
@Suite(.serialized) struct FuzzReplayTests {
    private func replay<Some: Trial>(_: Some.Type, changed: Int) throws {
        let scratch = try Scratch.make()
        defer { try? SystemCalls.removeTree(scratch) }
        let trial = try Some(scratch: scratch)
        var inputs = try trial.seeds()
        #expect(inputs.count >= 8)
        let corpus = FilePath(#filePath).removingLastComponent().removingLastComponent().removingLastComponent().appending("Fuzz").appending("corpus").appending(Some.name)
        for name in (try? SystemCalls.list(corpus).sorted(by: { $0.lexicographicallyPrecedes($1) })) ?? [] where name != Array("last".utf8) {
            let complaint = try trial.complaint(try SystemCalls.contents(of: corpus.appending(bytes: name)))
            #expect(complaint == nil, "\(String(decoding: name, as: UTF8.self))")
        }
        for (number, input) in inputs.enumerated() {
            let complaint = try trial.complaint(input)
            #expect(complaint == nil, "seed \(number)")
        }
        var mutator = Mutator(seed: 1)
        for number in 0..<changed {
            let input = trial.mutate(inputs[mutator.below(inputs.count)], other: inputs[mutator.below(inputs.count)], &mutator)
            let complaint = try trial.complaint(input)
            #expect(complaint == nil, "change \(number): \(input)")
            if complaint == nil, inputs.count < 100 { inputs.append(input) }
        }
    }

    @Test func backingFiles() throws { try replay(BackingTrial.self, changed: 400) }
    @Test func requests() throws { try replay(SessionTrial.self, changed: 30) }
}
