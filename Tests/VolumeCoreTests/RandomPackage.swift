import VolumeTesting

/// A package of the kinds of files that a volume treats differently.
enum RandomPackage {
    static func make(_ random: inout Generator) throws -> PublishedPackage {
        let chunkSize = UInt32([4096, 4096, 8192, 16384, 65536, 131_072].randomElement(using: &random)!)
        var files: [SourceFile] = [SourceFile("empty", [])]
        for i in 0..<Int.random(in: 1...6, using: &random) { files.append(SourceFile("small/\(i)", content(Int.random(in: 1...5000, using: &random), &random))) }
        for i in 0..<Int.random(in: 0...3, using: &random) { files.append(SourceFile("slab-\(i)", content(Int.random(in: 10_000...16_384, using: &random), &random))) }
        for i in 0..<Int.random(in: 1...3, using: &random) {
            files.append(SourceFile("large-\(i)", content(Int.random(in: 16_385...400_000, using: &random), &random)))
        }
        for i in 0..<Int.random(in: 0...2, using: &random) {
            let size = Int.random(in: 50_000...500_000, using: &random)
            var holes: [Range<Int>] = []
            var position = Int.random(in: 0...4, using: &random) * 4096
            while position < size && holes.count < 5 {
                let end = min(size, position + Int.random(in: 1...20, using: &random) * 4096)
                holes.append(position..<end)
                position = end + Int.random(in: 1...15, using: &random) * 4096
            }
            files.append(SourceFile("sparse-\(i)", content(size, &random), holes: holes))
        }
        // The same content twice is one object.
        files.append(SourceFile("again/small", files[1].bytes))
        if let large = files.first(where: { $0.path == "large-0" }) { files.append(SourceFile("again/large", large.bytes)) }
        return try PublishedPackage(files, chunkSize: chunkSize)
    }

    private static func content(_ count: Int, _ random: inout Generator) -> [UInt8] { random.oneIn(2) ? random.noise(count) : random.text(count) }
}
