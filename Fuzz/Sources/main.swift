// incfs-fuzz: mutates inputs of every parser of untrusted bytes for a given time.
// usage: incfs-fuzz SECONDS CORPUS [SEED [TARGET...]]
// An input is written to CORPUS/<target>/last before it is run: a crash leaves it there; `scripts/fuzz` keeps it.
import ContractTesting
import Glibc
import LinuxSystem

/// Prints a line at once, whatever stdout is.
func say(_ line: String) { Array((line + "\n").utf8).withUnsafeBytes { _ = try? SystemCalls.writeAll(1, $0) } }

guard CommandLine.arguments.count >= 3, let seconds = Double(CommandLine.arguments[1]) else {
    say("usage: incfs-fuzz SECONDS CORPUS [SEED [TARGET...]]")
    exit(2)
}
let corpus = FilePath(CommandLine.arguments[2])
let seed = CommandLine.arguments.count > 3 ? UInt64(CommandLine.arguments[3]) ?? 1 : MonotonicTime.now.nanoseconds
let wanted = CommandLine.arguments.dropFirst(4)
let scratch = FilePath("/tmp/incfs-fuzz.\(getpid())")

do {
    try SystemCalls.makeDirectories(scratch)
    defer { _ = try? SystemCalls.removeTree(scratch) }
    let place = try Scratch.make()
    defer { _ = try? SystemCalls.removeTree(place) }
    let targets = try Targets.all(scratch: scratch, contract: place).filter { wanted.isEmpty || wanted.contains($0.name) }
    say("seed \(seed)")
    for target in targets {
        let directory = corpus.appending(target.name)
        try SystemCalls.makeDirectories(directory, mode: 0o755)
        let last = directory.appending("last")
        var inputs = try target.seeds()
        // What crashed once comes first, for ever.
        for name in try SystemCalls.list(directory).sorted(by: { $0.lexicographicallyPrecedes($1) }) {
            let path = directory.appending(bytes: name)
            if path != last { inputs.append(try SystemCalls.contents(of: path)) }
        }
        let file = try SystemCalls.open(last, flags: O_RDWR | O_CREAT | O_TRUNC, mode: 0o644)
        func run(_ input: [UInt8]) throws {
            try input.withUnsafeBytes { bytes in
                try SystemCalls.truncate(file.rawValue, to: UInt64(bytes.count))
                try SystemCalls.pwriteAll(file.rawValue, bytes, at: 0)
                target.run(bytes)
            }
        }
        for input in inputs { try run(input) }
        var mutator = Mutator(seed: seed)
        let end = MonotonicTime.now.adding(milliseconds: UInt64(seconds * 1000 / Double(targets.count)))
        var count = inputs.count
        while MonotonicTime.now < end {
            let input = inputs[mutator.below(inputs.count)]
            let other = inputs[mutator.below(inputs.count)]
            try run(target.mutate.map { $0(input, other, &mutator) } ?? mutator.mutate(input, other: other))
            count += 1
        }
        try SystemCalls.unlink(last)
        say("\(target.name): \(count) inputs, no crash")
    }
    say("\(targets.count) passed, 0 failed")
} catch {
    say("cannot fuzz: \(error)")
    exit(1)
}
