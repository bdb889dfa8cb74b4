import FUSEProtocol
import Testing

@Suite struct NegotiationTests {
    func offer(_ fixture: [UInt8]) throws -> FUSEInit {
        try parsing(fixture) { request in
            guard case .initialize(let offer) = request.operation else { throw FUSEParseError.payloadTooShort }
            return offer
        }
    }

    func agreed(_ offer: FUSEInit, _ negotiation: FUSENegotiation = FUSENegotiation()) -> FUSEInitReply? {
        if case .agreed(let reply) = negotiation.answer(to: offer) { reply } else { nil }
    }

    @Test func aKernelOf6_1GetsNoResend() throws {
        let reply = try #require(agreed(try offer(RequestFixtures.initialize38)))
        #expect(reply.minor == 38 && !reply.flags.contains(.hasResend))
        #expect(reply.flags == FUSENegotiation.standardFlags.subtracting(.hasResend))
        #expect(reply.maxPages == 256 && reply.maxWrite == 1 << 20 && reply.maxReadahead == 131072)
    }

    @Test func aKernelOf6_18GetsAll() throws {
        let reply = try #require(agreed(try offer(RequestFixtures.initialize45)))
        #expect(reply.minor == 45 && reply.flags == FUSENegotiation.standardFlags)
    }

    @Test func whatIsNeverAskedFor() throws {
        var everything = try offer(RequestFixtures.initialize45)
        everything.flags.rawValue = .max
        for negotiation in [FUSENegotiation(), FUSENegotiation(allowNoOpen: true), FUSENegotiation(passthrough: true)] {
            let flags = try #require(agreed(everything, negotiation)).flags
            // A direct read of a missing block could not be killed; a ring cannot resend; the rest is for writable trees.
            #expect(flags.isDisjoint(with: [.asyncDirectIO, .overIOUring, .exportSupport, .writebackCache, .autoInvalidateData, .posixLocks, .flockLocks]))
        }
    }

    @Test func readaheadIsNotStarvedByParkedReads() throws {
        let reply = try #require(agreed(try offer(RequestFixtures.initialize45)))
        #expect(reply.maxBackground == 60_000 && reply.congestionThreshold == 60_000)
        #expect(reply.flags.contains(.asyncRead))
    }

    @Test func options() throws {
        let offer = try offer(RequestFixtures.initialize45)
        #expect(try #require(agreed(offer, FUSENegotiation(allowNoOpen: true))).flags.contains(.noOpenSupport))
        let passthrough = try #require(agreed(offer, FUSENegotiation(passthrough: true)))
        #expect(passthrough.flags.contains(.passthrough) && passthrough.maxStackDepth == 1)
        let old = try #require(agreed(try self.offer(RequestFixtures.initialize38), FUSENegotiation(passthrough: true)))
        #expect(!old.flags.contains(.passthrough) && old.maxStackDepth == 0)
    }

    @Test func withoutMaxPagesTheOldLimitHolds() throws {
        let reply = try #require(agreed(FUSEInit(major: 7, minor: 31, maxReadahead: 4096, flags: .asyncRead)))
        #expect(reply.maxPages == 32 && reply.flags == .asyncRead)
    }

    @Test func versions() throws {
        #expect(FUSENegotiation().answer(to: FUSEInit(major: 8, minor: 1, maxReadahead: 0, flags: [])) == .offerOlderMajor(FUSEInitReply(minor: 45)))
        #expect(FUSENegotiation().answer(to: FUSEInit(major: 6, minor: 99, maxReadahead: 0, flags: [])) == .refused)
        #expect(FUSENegotiation().answer(to: FUSEInit(major: 7, minor: 30, maxReadahead: 0, flags: [])) == .refused)
        #expect(try #require(agreed(FUSEInit(major: 7, minor: 31, maxReadahead: 0, flags: []))).minor == 31)
        #expect(try #require(agreed(FUSEInit(major: 7, minor: 99, maxReadahead: 0, flags: []))).minor == 45)
    }
}
