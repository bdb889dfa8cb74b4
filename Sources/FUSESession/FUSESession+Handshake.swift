import FUSEProtocol
import Glibc
import LinuxSystem

extension FUSESession {
    /// Asks the kernel to send again what an earlier server read and did not answer. Once, and before anything is read: a
    /// second one would send our own requests twice.
    func resend() throws(FUSESessionError) {
        let error = withUnsafeTemporaryAllocation(byteCount: FUSENotification.fixedSize, alignment: 8) { buffer in
            let length = FUSENotification.resend(into: buffer)
            return DeviceWriter.message(descriptors[0], UnsafeRawBufferPointer(rebasing: buffer[..<length]), UnsafeRawBufferPointer(start: nil, count: 0))
        }
        if error == 0 { return }
        if DeviceWriter.meansGone(error) { throw .ended(.unmounted) }
        throw .system(Errno(rawValue: error), doing: "asking the kernel to send open requests again")
    }

    /// Waits for INIT on the first descriptor and answers it.
    func negotiate() throws(FUSESessionError) -> FUSESessionState {
        let memory = WorkerMemory()
        let descriptor = descriptors[0]
        let wait = try attempt("waiting for the FUSE device") { () throws(Errno) in try DeviceWait(device: descriptor, stop: stopEvent.rawValue) }
        while true {
            let count = SystemCalls.readResult(descriptor, into: memory.request)
            if count > 0 {
                if let state = try consider(UnsafeRawBufferPointer(rebasing: memory.request[..<count]), descriptor) { return state }
                continue
            }
            switch DeviceReadFailure(CInt(-count)) {
            case .again: continue
            case .end(let reason): throw .ended(reason)
            case .nothingThere:
                let ready = try attempt("waiting for the FUSE device") { () throws(Errno) in try wait.wait() }
                if ready.contains(.stop) { throw .ended(.stopped) }
            }
        }
    }

    /// Answers one request before the session stands. Returns what was agreed once it is.
    private func consider(_ bytes: UnsafeRawBufferPointer, _ descriptor: CInt) throws(FUSESessionError) -> FUSESessionState? {
        let request: FUSERequest
        do throws(FUSEParseError) { request = try FUSERequest.parse(bytes) } catch {
            malformed(bytes, descriptor)
            return nil
        }
        let reply = FUSEReply(descriptor: request.operation.expectsReply ? descriptor : -1, unique: request.header.unique, counters: counters)
        // The kernel holds everything else back until INIT is answered; what comes all the same is not for us.
        guard case .initialize(let offer) = request.operation else {
            reply.error(.ioError)
            return nil
        }
        switch configuration.negotiation.answer(to: offer) {
        case .agreed(let agreed):
            let state = FUSESessionState(negotiated: agreed)
            onNegotiated?(state)
            reply.initialized(agreed)
            return state
        case .offerOlderMajor(let ours):
            reply.initialized(ours)
            return nil
        case .refused:
            reply.error(.protocolError)
            throw .kernelTooOld(major: offer.major, minor: offer.minor)
        }
    }

    /// An INIT that comes late: our predecessor died between noting what was agreed and saying so. The same offer gets the
    /// same answer.
    func initializeAgain(_ offer: FUSEInit, _ reply: consuming FUSEReply) {
        if case .agreed(let agreed) = configuration.negotiation.answer(to: offer) { reply.initialized(agreed) } else { reply.error(.protocolError) }
    }

    /// Counts bytes that are no request, and fails what can be failed so that its caller does not wait for ever.
    func malformed(_ bytes: UnsafeRawBufferPointer, _ descriptor: CInt) {
        counters.pointee.malformedRequests.add(1, ordering: .relaxed)
        guard let header = try? FUSERequestHeader.parse(bytes) else { return }
        let silent: [FUSEOpcode] = [.forget, .batchForget, .interrupt, .notifyReply]
        if !silent.contains(where: { $0.rawValue == header.opcode }) {
            FUSEReply(descriptor: descriptor, unique: header.unique, counters: counters).error(.ioError)
        }
    }
}
