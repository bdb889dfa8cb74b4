import LinuxSystem

/// A descriptor that stays open while the lease lives: borrowed from a slot, or the lease's own.
struct FileLease: ~Copyable, Sendable {
    let descriptor: CInt
    private let slot: FileSlot?

    /// Already borrowed from `slot`, which gets it back.
    init(_ descriptor: CInt, borrowedFrom slot: FileSlot) {
        self.descriptor = descriptor
        self.slot = slot
    }

    /// Puts a newly opened descriptor into `slot`, or keeps it for this lease alone when the slot's old one is still closing.
    init(opened descriptor: consuming OwnedDescriptor, into slot: FileSlot) {
        let raw = descriptor.take()
        self.descriptor = raw
        self.slot = slot.install(raw) ? slot : nil
    }

    deinit {
        if let slot { slot.giveBack() } else { SystemCalls.close(descriptor) }
    }
}
