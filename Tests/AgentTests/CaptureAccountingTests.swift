import Metering
import Testing

@testable import Agent

private func seconds(_ number: Double) -> Nanoseconds { Nanoseconds(UInt64(number * 1e9)) }

@Suite("The time without capture")
struct UncapturedTimeTests {
    @Test("is told by window, whole where it reaches over several")
    func windows() {
        var time = UncapturedTime()
        time.begin(at: seconds(9.5))
        time.begin(at: seconds(9.7))
        time.end(at: seconds(21))
        time.begin(at: seconds(22))
        #expect(time.take(from: seconds(0), to: seconds(10)) == 500_000_000)
        #expect(time.take(from: seconds(10), to: seconds(20)) == 10_000_000_000)
        #expect(time.take(from: seconds(20), to: seconds(30)) == 9_000_000_000)
        time.end(at: seconds(31))
        #expect(time.take(from: seconds(30), to: seconds(40)) == 1_000_000_000)
        #expect(time.take(from: seconds(40), to: seconds(50)) == 0)
    }

    @Test("of ten thousand gaps sums to no less, and never to more than the window")
    func manyGaps() {
        var time = UncapturedTime()
        for gap in 0..<10_000 {
            time.begin(at: Nanoseconds(UInt64(gap) * 1_000_000))
            time.end(at: Nanoseconds(UInt64(gap) * 1_000_000 + 400_000))
        }
        let told = time.take(from: .zero, to: seconds(10))
        #expect(told >= 4_000_000_000 && told <= 10_000_000_000)
    }
}

@Suite("Dropped packets")
struct DropLedgerTests {
    @Test("belong to the window of the reading that showed them; a late reading is its end")
    func dated() {
        var ledger = DropLedger()
        ledger.note(kernel: 3, interface: 1, from: seconds(9), to: seconds(9.5))
        ledger.note(kernel: 4, interface: 0, from: seconds(9.5), to: seconds(10.05))
        ledger.note(kernel: 5, interface: 2, from: seconds(10.05), to: seconds(10.2))
        #expect(
            ledger.take(from: seconds(0), to: seconds(10)) == .init(kernel: 7, interface: 1))
        #expect(
            ledger.take(from: seconds(10), to: seconds(20)) == .init(kernel: 5, interface: 2))
    }

    @Test("of a stall over several windows count once, and are told in each")
    func undated() {
        var ledger = DropLedger()
        ledger.note(kernel: 100, interface: 0, from: seconds(9.9), to: seconds(35))
        ledger.note(kernel: 1, interface: 0, from: seconds(35), to: seconds(35.1))
        let shares = [0.0, 10, 20, 30, 40].map {
            ledger.take(from: seconds($0), to: seconds($0 + 10))
        }
        #expect(shares.map(\.kernel) == [0, 0, 0, 101, 0])
        #expect(shares.map(\.undated) == [100, 100, 100, 100, 0])
    }

    @Test("are conserved whatever the readings and windows")
    func conserved() {
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<200 {
            var ledger = DropLedger()
            var (time, sum, told) = (0.0, UInt64(0), UInt64(0))
            for _ in 0..<3000 {
                let next = time + Double.random(in: 0.001...0.3, using: &generator)
                let drops = UInt64.random(in: 0...5, using: &generator)
                ledger.note(
                    kernel: drops, interface: 0, from: seconds(time), to: seconds(next))
                sum += drops
                time = next
            }
            for start in stride(from: 0.0, to: time + 1, by: 7) {
                told += ledger.take(from: seconds(start), to: seconds(start + 7)).kernel
            }
            #expect(told == sum)
        }
    }
}
