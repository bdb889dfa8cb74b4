import BackingCheck
import ContractTesting
import ContractVolume
import Glibc
import Integrity
import LinuxSystem
import Testing
import WriteRecorder

/// Each write in turn takes only half and then fails: what fails has changed nothing, and can be done again.
@Suite(.serialized) struct FullDiskTests {
    private struct Case: Sendable, CustomTestStringConvertible {
        var name: String
        var size: UInt64
        var signature: [UInt8]?
        var prepare: @Sendable (VolumeFile) -> Void = { _ in }
        var act: @Sendable (VolumeFile) -> Errno?
        var testDescription: String { name }
    }

    private static let block = [UInt8](repeating: 0x5A, count: 4096), zeros = [UInt8](repeating: 0, count: 4096)

    private static func fill(_ file: VolumeFile, _ blocks: [(UInt32, [UInt8], Bool)]) -> Errno? {
        var data: [UInt8] = [], batch: [FillBlock] = []
        for (index, bytes, isHash) in blocks {
            batch.append(FillBlock(index: index, data: data.count..<data.count + bytes.count, compression: 0, isHash: isHash))
            data += bytes
        }
        let result = data.withUnsafeBytes { file.fill(batch, from: $0) }
        // With something processed the call succeeds, with less.
        return result.processed > 0 ? nil : result.error
    }

    private static let cases: [Case] = [
        Case(name: "one block", size: 5 * 4096) { fill($0, [(2, block, false)]) },
        Case(name: "scattered blocks", size: 9 * 4096) { fill($0, [(6, block, false), (0, zeros, false), (1, block, false), (8, block, false)]) },
        Case(name: "a second batch", size: 9 * 4096, prepare: { _ = fill($0, [(0, zeros, false)]) }) { fill($0, [(6, block, false), (1, block, false)]) },
        Case(name: "an entry on two pages", size: 900 * 4096) { fill($0, [(813, block, false), (812, block, false)]) },
        Case(name: "a hash block", size: 8192, signature: SignatureBlob.minimal(root: SessionTrial.zeroRoot)) { fill($0, [(0, SessionTrial.zeroHash, true)]) },
        Case(name: "verity", size: 8192, prepare: { _ = fill($0, [(0, zeros, false), (1, block, false)]) }) { file in
            guard case .built(let tree) = file.buildTree() else { return .ioError }
            do throws(Errno) { try file.seal(tree, signature: [1, 2, 3]); return nil } catch { return error }
        },
    ]

    @Test(arguments: cases) private func whatFailsHasChangedNothing(_ one: Case) throws {
        var failed = 0
        for index in 0..<64 {
            let descriptor = try SystemCalls.open("/var/tmp", flags: BackingDirectory.unnamedFlag | O_RDWR)
            try VolumeFile.initialize(descriptor.rawValue, id: FileID(low: 7), size: one.size, signature: one.signature)
            let path = SystemCalls.path(ofDescriptor: descriptor.rawValue)
            let file = try FileTable(index: descriptor.rawValue).open(descriptor.rawValue).file
            one.prepare(file)
            let before = try SystemCalls.contents(of: path), counts = file.counts, isSealed = file.hasTree
            let inode = try SystemCalls.status(of: descriptor.rawValue).inode
            _ = write_recorder_fail(inode, CInt(index), ENOSPC)
            let error = one.act(file)
            let writes = write_recorder_fail(0, -1, 0)
            if let error {
                failed += 1
                #expect(error == Errno(rawValue: ENOSPC))
                #expect(try SystemCalls.contents(of: path) == before, "write \(index) failed and left something")
                #expect(file.counts == counts && file.hasTree == isSealed)
                #expect(one.act(file) == nil, "after write \(index) failed")
            }
            let reader = try BackingReader(descriptor.rawValue)
            #expect(!reader.isDamaged, "write \(index): \(reader.findings)")
            // The last round was one in which there was no such write.
            if error == nil, writes <= index { break }
            #expect(index < 63)
        }
        #expect(failed > 1)
    }
}
