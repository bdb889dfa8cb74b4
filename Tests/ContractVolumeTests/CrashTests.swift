import BackingCheck
import ContractTesting
import ContractVolume
import FUSEProtocol
import Glibc
import Integrity
import LinuxSystem
import Testing
import WriteRecorder

/// A process that dies between any two of its writes, or between the pages of one: what a following mount finds is what was before or
/// what is after, and what was answered is there.
@Suite(.serialized) struct CrashTests {
    /// What a mount would show.
    struct Shown: Equatable {
        /// Each name: what file it is, its size and marks; of a directory only the name.
        var names: [String: String] = [:]
        /// The blocks that are there.
        var blocks: [String: [UInt32: [UInt8]]] = [:]
    }

    /// Blocks looked at in files that are too large to look at all.
    static let edges: [UInt32] = [0, 403, 404, 405, 812, 813, 814, 1222, 1223, 1224, 1631, 1632, 1633]

    private func shown(_ place: FilePath) throws -> Shown {
        let directory = try BackingDirectory(place)
        var shown = Shown()
        func visit(_ path: FilePath, _ prefix: String) throws {
            for name in try SystemCalls.list(path).map({ String(decoding: $0, as: UTF8.self) }) where !(prefix.isEmpty && name.hasPrefix(".")) {
                let child = path.appending(name), title = prefix + name
                guard try SystemCalls.status(of: child, followSymbolicLinks: false).kind == .regular else {
                    shown.names[title] = "directory"
                    try visit(child, title + "/")
                    continue
                }
                let descriptor = try SystemCalls.open(child, flags: SystemCalls.pathOnly)
                let opened = try directory.files.open(descriptor.rawValue)
                let isIndexed = (try? SystemCalls.status(name: opened.file.identity.text, in: directory.index)) != nil
                shown.names[title] = "\(opened.file.identity) \(opened.size) \(opened.isMapped) \(BackingAttributes.isVerity(descriptor.rawValue)) \(isIndexed)"
                let file = opened.file
                if opened.isMapped { continue }
                var found: [UInt32: [UInt8]] = [:]
                for block in file.dataBlocks > 64 ? Self.edges.filter({ $0 < file.dataBlocks }) : Array(0..<file.dataBlocks) {
                    var plain = [UInt8](repeating: 0, count: Int(min(4096, file.size - UInt64(block) * 4096)))
                    switch plain.withUnsafeMutableBytes({ file.read(from: block, into: $0) }) {
                    case .bytes: found[block] = plain
                    case .missing: break
                    case .failed(_, let error): throw error
                    }
                }
                shown.blocks[title] = found
                let isIncomplete = (try? SystemCalls.status(name: file.identity.text, in: directory.incomplete)) != nil
                if file.dataBlocks <= 64, isIncomplete != (found.count < Int(file.dataBlocks)) { shown.names[title]! += " wrongly in or out of .incomplete" }
            }
        }
        try visit(place, "")
        for special in [directory.index, directory.incomplete] {
            for entry in try SystemCalls.entries(of: special) where entry.name.count == 32 {
                let status = try SystemCalls.status(name: entry.name, in: special)
                if status.linkCount < 2 { shown.names["nameless"] = String(decoding: entry.name, as: UTF8.self) }
            }
        }
        return shown
    }

    /// What a check may say after a death: nothing is lost by any of it.
    private static let harmless = ["belong to nothing", "The status record counts", "no status record counts them", "is half written"]

    private func fault(_ place: FilePath, before: Shown, after: Shown, readsData: Bool) throws -> String? {
        try BackingDirectory(place).sweep()
        let check = try BackingDirectoryCheck(place, readsData: readsData)
        if let finding = check.findings.first(where: { finding in finding.severity != .note && !Self.harmless.contains { finding.message.contains($0) } }) { return "\(finding.path): \(finding.message)" }
        let now = try shown(place)
        if now.names != before.names, now.names != after.names { return "names between: \(now.names) of \(before.names) and \(after.names)" }
        for (name, blocks) in now.blocks {
            let (old, new) = (before.blocks[name] ?? [:], after.blocks[name] ?? [:])
            for (block, bytes) in blocks where bytes != old[block] && bytes != new[block] { return "block \(block) of \(name) has other bytes" }
            if now.names == before.names { for (block, bytes) in old where blocks[block] != bytes { return "block \(block) of \(name) had been answered and is gone" } }
        }
        return nil
    }

    /// Runs `operations` one after the other on a backing directory that `prepare` made, cuts what they wrote at every place, and looks.
    private func cutEverywhere(readsData: Bool = true, prepare: (FilePath) throws -> Void = { _ in }, _ operations: (ContractSession, FilePath) throws -> [(String, () throws -> Void)]) throws {
        let scratch = try Scratch.make()
        defer { try? SystemCalls.removeTree(scratch) }
        let live = scratch.appending("live")
        try SystemCalls.makeDirectories(live)
        try prepare(live)
        var options = ContractOptions()
        options.readTimeoutMilliseconds = 0
        let session = try ContractSession(BackingDirectory(live), options: options)
        let replica = try CrashReplica(of: live, at: scratch.appending("replica"))
        write_recorder_begin(try SystemCalls.status(of: live).device)
        var steps: [(name: String, end: Int)] = [], states = [try shown(live)]
        do {
            for (name, body) in try operations(session, live) {
                try body()
                steps.append((name, write_recorder_count()))
                states.append(try shown(live))
            }
        } catch {
            write_recorder_end()
            session.end()
            throw error
        }
        write_recorder_end()
        session.end()
        var index = 0, looks = 0
        func look(_ step: Int, _ what: String) throws {
            looks += 1
            let probe = scratch.appending("probe")
            defer { try? SystemCalls.removeTree(probe) }
            _ = try CrashReplica(of: replica.path, at: probe)
            let found = try fault(probe, before: states[step], after: states[step + 1], readsData: readsData)
            #expect(found == nil, "\(steps[step].name), \(what)")
        }
        for (step, (name, end)) in steps.enumerated() {
            // Whatever is said about names, something of every operation is on the disk.
            if states[step] != states[step + 1] { #expect(end > index, "\(name) wrote nothing") }
            while index < end {
                let write = RecordedWrite(index)
                for cut in try replica.cuts(write) {
                    try replica.apply(write, cut: cut)
                    try look(step, "\(cut) of \(write)")
                }
                try replica.apply(write)
                if write.event.kind != WRITE_SYNC { try look(step, "after \(write)") }
                index += 1
            }
            // The replica is the original again: nothing was written past the recorder.
            #expect(try shown(replica.path) == states[step + 1], "\(name)")
        }
        #expect(looks > steps.count)
    }

    // MARK: Operations

    private final class Calls {
        let session: ContractSession
        let arena = CallerArena()
        let commands: (node: UInt64, fh: UInt64)
        init(_ session: ContractSession) throws {
            self.session = session
            let node = try session.node(".pending_reads")
            commands = (node, try session.open(node))
        }

        private func call(_ file: (node: UInt64, fh: UInt64), _ command: UInt32, _ argument: [UInt8]) throws -> Int32 {
            arena.put(argument, at: 0x1_0000)
            let result = try session.ioctl(file.node, file.fh, command, UnsafeMutableRawBufferPointer(rebasing: arena.bytes[0x1_0000..<0x1_0000 + argument.count]))
            if result < 0 { throw Errno(rawValue: -result) }
            return result
        }

        func create(_ name: String, id: UInt64, size: UInt64, signature: [UInt8]? = nil) throws {
            arena.put(Array(name.utf8) + [0], at: 0x100)
            arena.put(signature ?? [], at: 0x1000)
            let blob = signature == nil ? 0 : CallerArena.pointer(0x1000)
            _ = try call(commands, 0xC058_671E, SessionTrial.create(
                id, size: size, name: CallerArena.pointer(0x100), attribute: CallerArena.pointer(0x100), attributeLength: 3, signature: blob, signatureLength: UInt64(signature?.count ?? 0)))
        }

        func createMapped(_ name: String, source: UInt64, size: UInt64) throws {
            arena.put(Array(name.utf8) + [0], at: 0x100)
            _ = try call(commands, 0xC038_6723, SessionTrial.createMappedArgument(source: source, offset: 4096, size: size, name: CallerArena.pointer(0x100)))
        }

        func fill(_ name: String, _ blocks: [(index: UInt32, bytes: [UInt8], compression: UInt8, isHash: Bool)]) throws {
            let file = try session.openToFill(name)
            var descriptors: [UInt8] = [], at = 0x2000
            for block in blocks {
                arena.put(block.bytes, at: at)
                descriptors += SessionTrial.block(block.index, UInt32(block.bytes.count), CallerArena.pointer(at), compression: block.compression, flags: block.isHash ? 1 : 0)
                at += (block.bytes.count + 7) / 8 * 8
            }
            arena.put(descriptors, at: 0x1_8000)
            let done = try call(file, 0x8010_6720, bytes(UInt64(blocks.count)) + bytes(CallerArena.pointer(0x1_8000)))
            #expect(done == Int32(blocks.count))
        }

        func enableVerity(_ name: String) throws {
            let node = try session.node(name)
            _ = try call((node, try session.open(node)), 0x4080_6685, SessionTrial.enableArgument())
        }

        func change(_ opcode: FUSEOpcode, in parent: String = "", _ payload: [UInt8]) throws {
            _ = try session.checked(session.kernel.ask(opcode, node: session.node(parent), payload))
        }

        func rename(_ name: String, _ parent: String, _ other: String) throws {
            let target = try session.node(parent)
            try change(.rename2, bytes(target) + bytes(UInt64(0)) + Array("\(name)\0\(other)\0".utf8))
        }
    }

    private static let block = [UInt8](repeating: 0x5A, count: 4096), zeros = [UInt8](repeating: 0, count: 4096)
    private static let zstdZeros: [UInt8] = [0x28, 0xB5, 0x2F, 0xFD, 0x60, 0, 0x0F, 3, 0x80, 0, 0]
    private static let lz4Zeros: [UInt8] = [0x1F, 0, 1, 0] + [UInt8](repeating: 0xFF, count: 15) + [0xF6, 0x50, 0, 0, 0, 0, 0]

    @Test func everyWriteOfEveryCall() throws {
        try cutEverywhere { session, live in
            let calls = try Calls(session)
            return [
                ("create", { try calls.create("a", id: 1, size: 3 * 4096 + 5) }),
                ("fill raw and LZ4", { try calls.fill("a", [(1, Self.block, 0, false), (0, Self.lz4Zeros, 1, false)]) }),
                ("fill once more", { try calls.fill("a", [(3, [1, 2, 3, 4, 5], 0, false)]) }),
                ("fill the last", { try calls.fill("a", [(2, Self.zstdZeros, 2, false)]) }),
                ("create signed", { try calls.create("s", id: 2, size: 8192, signature: SignatureBlob.minimal(root: SessionTrial.zeroRoot)) }),
                ("fill hash", { try calls.fill("s", [(0, SessionTrial.zeroHash, 0, true)]) }),
                ("fill signed", { try calls.fill("s", [(1, Self.zeros, 0, false), (0, Self.zstdZeros, 2, false)]) }),
                ("create mapped", { try calls.createMapped("m", source: 1, size: 5000) }),
                ("create empty", { try calls.create("e", id: 3, size: 0) }),
                ("mkdir", { try calls.change(.mkdir, bytes(UInt32(0o755)) + bytes(UInt32(0)) + Array("d\0".utf8)) }),
                ("rename", { try calls.rename("a", "d", "b") }),
                ("link", { try calls.change(.link, bytes(session.node("d/b")) + Array("again\0".utf8)) }),
                ("verity", { try calls.enableVerity("d/b") }),
                ("verity of a signed file", { try calls.enableVerity("s") }),
                ("rename over the last name", { try calls.rename("m", "", "e") }),
                ("unlink one name", { try calls.change(.unlink, Array("again\0".utf8)) }),
                ("unlink the mapped", { try calls.change(.unlink, Array("e\0".utf8)) }),
                ("unlink the last name", { try calls.change(.unlink, in: "d", Array("b\0".utf8)) }),
                ("rmdir", { try calls.change(.rmdir, Array("d\0".utf8)) }),
                ("create what goes at once", { try calls.create("f", id: 4, size: 4096) }),
                ("unlink what is not complete", { try calls.change(.unlink, Array("f\0".utf8)) }),
            ]
        }
    }

    /// Entries, links and counters that span two pages, at every place at which they can be cut there.
    @Test func fieldsThatSpanTwoPages() throws {
        // The blocks are read by the volume alone: the strict reader takes its time with thousands of entries.
        try cutEverywhere(readsData: false, prepare: { live in
            let directory = try BackingDirectory(live)
            // The map begins at an even and at an odd place; the record's link is cut after its first byte, and after its second.
            for (name, id, base, entries, record) in [("even", 1, 56, 1640, nil), ("odd", 2, 57, 1640, nil), ("one", 3, 56, 2, 4088), ("two", 4, 56, 2, 4087), ("three", 5, 56, 2, 65_536 - 9)]
                as [(String, UInt64, Int, Int, Int?)] {
                let at = record ?? base + entries * 10, size = UInt64(entries) * 4096
                var content = [UInt8](repeating: 0, count: at)
                let header: [UInt8] = Array("INCFS".utf8) + [0, 0, 0] + bytes(UInt64(1)) + bytes(UInt16(56)) + bytes(UInt16(4096)) + bytes(UInt32(0)) + bytes(UInt64(at)) + bytes(size)
                content.replaceSubrange(0..<56, with: header + FileID(low: id).bytes)
                content += [1] + bytes(UInt16(35)) + [UInt8](repeating: 0, count: 20) + bytes(UInt64(base)) + bytes(UInt32(entries))
                try Scratch.write(content, to: live.appending(name))
                let file = try SystemCalls.open(live.appending(name), flags: O_RDWR)
                try BackingAttributes.set(BackingAttributes.id, FileID(low: id).text, ofDescriptor: file.rawValue)
                try BackingAttributes.set(BackingAttributes.size, bytes(size), ofDescriptor: file.rawValue)
                for place in [directory.index, directory.incomplete] { try SystemCalls.link(file.rawValue, as: FileID(low: id).text, in: place) }
            }
        }) { session, live in
            let calls = try Calls(session)
            func fills(_ name: String, _ blocks: [UInt32]) -> [(String, () throws -> Void)] { blocks.map { block in ("fill \(block) of \(name)", { try calls.fill(name, [(block, Self.lz4Zeros, 1, false)]) }) } }
            return fills("even", [813, 1223, 1632]) + fills("odd", [403, 813, 1223, 1632]) + fills("one", [0, 1]) + fills("two", [0, 1]) + fills("three", [0, 1])
                + [("fill neighbours", { try calls.fill("even", [(812, Self.lz4Zeros, 1, false), (814, Self.zstdZeros, 2, false), (1222, Self.lz4Zeros, 1, false)]) })]
        }
    }
}
