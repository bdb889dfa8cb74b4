import LinuxSystem
import Synchronization
import Testing

@Suite struct ConditionTests {
    @Test func everyWaiterSeesAnUpdate() {
        let condition = Condition(false)
        let seen = Atomic<Int>(0)
        let threads = (0..<8).map { number in
            Thread(name: "waiter-\(number)") {
                if condition.wait({ $0 ? true : nil }) == true { seen.add(1, ordering: .relaxed) }
            }
        }
        condition.update { $0 = true }
        for thread in threads { thread.join() }
        #expect(seen.load(ordering: .relaxed) == 8)
    }

    /// Every item wakes somebody, however producers and consumers fall together; none is lost and none is had twice.
    @Test func anUpdateForOneLosesNothing() {
        struct State { var items: [Int] = []; var closed = false }
        let condition = Condition(State())
        let sum = Atomic<Int>(0), count = Atomic<Int>(0)
        let consumers = (0..<3).map { number in
            Thread(name: "consumer-\(number)") {
                while let item: Int = condition.wait({ state -> Int?? in
                    if let item = state.items.popLast() { return .some(item) }
                    return state.closed ? .some(nil) : nil
                }) ?? nil {
                    sum.add(item, ordering: .relaxed)
                    count.add(1, ordering: .relaxed)
                }
            }
        }
        let producers = (0..<4).map { number in
            Thread(name: "producer-\(number)") { for i in 0..<1000 { condition.updateForOne { $0.items.append(number * 1000 + i) } } }
        }
        for thread in producers { thread.join() }
        condition.update { $0.closed = true }
        for thread in consumers { thread.join() }
        #expect(count.load(ordering: .relaxed) == 4000 && sum.load(ordering: .relaxed) == (0..<4000).reduce(0, +))
    }

    @Test func aDeadlineEndsAWaitAndIsLookedAtLast() {
        let condition = Condition(0)
        let began = MonotonicTime.now
        let answer: Int? = condition.wait(until: began.adding(milliseconds: 30)) { $0 > 0 ? $0 : nil }
        #expect(answer == nil && MonotonicTime.now.since(began) >= 30_000_000)
        // A deadline that has passed still finds what is there.
        condition.withLock { $0 = 7 }
        #expect(condition.wait(until: began) { $0 > 0 ? $0 : nil } == 7)
    }

    @Test func anErrorLeavesTheLockFree() {
        struct Refused: Error {}
        let condition = Condition(1)
        #expect(throws: Refused.self) { try condition.update { _ in throw Refused() } }
        #expect(throws: Refused.self) { try condition.updateForOne { _ in throw Refused() } }
        #expect(throws: Refused.self) { try condition.withLock { _ in throw Refused() } }
        #expect(condition.withLock { $0 } == 1)
    }
}
