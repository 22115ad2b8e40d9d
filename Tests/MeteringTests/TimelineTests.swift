import Metering
import Testing

private func seconds(_ seconds: UInt64) -> Nanoseconds { .seconds(seconds) }

@Suite("A timeline cuts an accumulator at boundaries") struct TimelineTests {
    private func timeline() -> Timeline<EnergyReason> {
        Timeline(from: seconds(10), unread: .firstReading)
    }

    @Test("a boundary between two readings is interpolated, and the rest follows")
    func interpolation() {
        var line = timeline()
        line.append(100, at: seconds(10))
        line.append(200, at: seconds(14))
        #expect(line.close(at: seconds(11)) == .measured(25))
        #expect(line.close(at: seconds(13)) == .measured(50))
        #expect(line.close(at: seconds(14)) == .measured(25))
    }

    @Test("a boundary after the latest reading takes it, and the rest arrives later")
    func latest() {
        var line = timeline()
        line.append(100, at: seconds(10))
        line.append(200, at: seconds(19))
        #expect(line.close(at: seconds(20)) == .measured(100))
        line.append(230, at: seconds(21))
        line.append(400, at: seconds(30))
        #expect(line.close(at: seconds(30)) == .measured(200))
    }

    @Test("nothing read is unknown with the latest failure") func nothingRead() {
        var line = timeline()
        #expect(line.close(at: seconds(20)) == .unknown(.firstReading))
        line.fail(.permissionDenied)
        #expect(line.close(at: seconds(30)) == .unknown(.permissionDenied))
    }

    @Test("the stretch in which the first reading lies is unknown") func firstInside() {
        var line = timeline()
        line.append(100, at: seconds(12))
        line.append(150, at: seconds(20))
        #expect(line.close(at: seconds(20)) == .unknown(.firstReading))
        line.append(170, at: seconds(30))
        #expect(line.close(at: seconds(30)) == .measured(20))
    }

    @Test("a stretch without a good reading is deferred, and the next one bridges it")
    func bridges() {
        var line = timeline()
        line.append(0, at: seconds(10))
        line.append(10, at: seconds(20))
        #expect(line.close(at: seconds(20)) == .measured(10))
        line.fail(.readFailed)
        #expect(line.close(at: seconds(30)) == .deferred(.readFailed))
        line.append(40, at: seconds(35), bridged: .readFailed)
        line.append(50, at: seconds(40))
        #expect(line.close(at: seconds(40)) == .bridged(40, .readFailed))
        line.append(60, at: seconds(50))
        #expect(line.close(at: seconds(50)) == .measured(10))
    }

    @Test("a stretch that ends in failures is deferred as a whole, and arrives bridged")
    func endsInFailure() {
        var line = timeline()
        line.append(0, at: seconds(10))
        line.append(10, at: seconds(15))
        line.fail(.readFailed)
        #expect(line.close(at: seconds(20)) == .deferred(.readFailed))
        #expect(line.isBehind)
        #expect(line.beyondBoundary == 10)
        line.append(30, at: seconds(21))
        line.append(40, at: seconds(30))
        #expect(line.close(at: seconds(30)) == .bridged(40, .readFailed))
        #expect(!line.isBehind)
        line.append(50, at: seconds(40))
        #expect(line.close(at: seconds(40)) == .measured(10))
    }

    @Test("what was read of a stretch that ends in failures is lost with the rest of it")
    func endsInLoss() {
        var line = timeline()
        line.append(0, at: seconds(10))
        line.append(10, at: seconds(15))
        line.fail(.readFailed)
        #expect(line.close(at: seconds(20)) == .deferred(.readFailed))
        line.append(10, at: seconds(29), lost: .gapTooLong)
        line.append(20, at: seconds(30))
        #expect(line.close(at: seconds(30)) == .unknown(.gapTooLong))
        line.append(50, at: seconds(40))
        #expect(line.close(at: seconds(40)) == .measured(30))
    }

    @Test("every stretch that a loss touches is unknown") func losses() {
        var line = timeline()
        line.append(0, at: seconds(10))
        line.append(10, at: seconds(19))
        line.append(10, at: seconds(21), lost: .discontinuity)
        line.append(30, at: seconds(30))
        line.append(50, at: seconds(40))
        #expect(line.close(at: seconds(20)) == .unknown(.discontinuity))
        #expect(line.close(at: seconds(30)) == .unknown(.discontinuity))
        #expect(line.close(at: seconds(40)) == .measured(20))
    }

    @Test("a timeline resumed at its latest boundary goes on as the one before would have")
    func resumes() throws {
        var line = timeline()
        line.append(100, at: seconds(10))
        line.append(200, at: seconds(21))
        _ = line.close(at: seconds(20))
        let beyond = try #require(line.beyondBoundary)
        #expect(beyond == 10)
        var other = Timeline<EnergyReason>(
            resumingFrom: seconds(20), at: 0, read: seconds(21), beyond: beyond,
            unread: .agentStopped)
        line.append(300, at: seconds(41), bridged: .agentStopped)
        other.append(110, at: seconds(41), bridged: .agentStopped)
        for end in [30, 40, 41] as [UInt64] {
            let expected = line.close(at: seconds(end))
            #expect(other.close(at: seconds(end)) == expected)
            guard case .bridged(_, .agentStopped) = expected else {
                Issue.record("\(expected) is not bridged")
                return
            }
        }
    }

    @Test(
        "a timeline resumed at an earlier boundary than its latest reading's cuts what is between")
    func resumesBetween() {
        var line = Timeline<EnergyReason>(
            resumingFrom: seconds(20), at: 0, read: seconds(45), beyond: 250,
            unread: .agentStopped)
        line.append(300, at: seconds(50), bridged: .agentStopped)
        #expect(line.close(at: seconds(30)) == .bridged(100, .agentStopped))
        #expect(line.close(at: seconds(40)) == .bridged(100, .agentStopped))
        #expect(line.close(at: seconds(50)) == .bridged(100, .agentStopped))
    }

    @Test("over a loss across the latest boundary no timeline can be resumed") func lossBeyond() {
        var line = timeline()
        line.append(0, at: seconds(10))
        line.append(10, at: seconds(19))
        line.append(10, at: seconds(29), lost: .gapTooLong)
        #expect(line.close(at: seconds(20)) == .unknown(.gapTooLong))
        #expect(line.beyondBoundary == nil)
        line.append(30, at: seconds(31))
        #expect(line.close(at: seconds(30)) == .unknown(.gapTooLong))
        #expect(line.beyondBoundary == 10)
    }

    @Test("a loss at the very time of a boundary that was cut belongs to the next stretch")
    func lossAtBoundary() {
        var line = timeline()
        line.append(0, at: seconds(10))
        line.append(10, at: seconds(20))
        #expect(line.close(at: seconds(20)) == .measured(10))
        // The clock stood still, or went back.
        line.append(15, at: seconds(19), lost: .discontinuity)
        line.append(40, at: seconds(30))
        #expect(line.close(at: seconds(30)) == .unknown(.discontinuity))
    }

    @Test("extreme values and times do not trap") func extremes() {
        var line = Timeline<EnergyReason>(from: .zero, unread: .firstReading)
        line.append(0, at: .zero)
        line.append(.max, at: Nanoseconds(.max))
        #expect(line.close(at: Nanoseconds(.max / 2)) == .measured(.max / 2))
        line.append(3, at: .zero)
        #expect(line.close(at: .zero) == .measured(0))
        #expect(line.close(at: Nanoseconds(.max)) == .measured(.max / 2 + 1))
    }

    @Test("stretches add up to the accumulator whatever the boundaries", arguments: 1...50)
    func telescopes(seed: UInt64) {
        var state = seed
        func random(_ bound: UInt64) -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return (state >> 33) % bound
        }
        var line = Timeline<EnergyReason>(from: .zero, unread: .firstReading)
        var time: UInt64 = 0
        var value: UInt64 = 0
        var boundary: UInt64 = 0
        var sum: UInt64 = 0
        line.append(0, at: .zero)
        for _ in 0..<1000 {
            time += 1 + random(1_500_000_000)
            value += random(1_000_000)
            line.append(value, at: Nanoseconds(time))
            // More readings than are kept may lie between two boundaries.
            guard random(seed % 2 == 0 ? 10 : 400) == 0 else { continue }
            boundary = max(boundary, time - min(time, random(3_000_000_000)))
            switch line.close(at: Nanoseconds(boundary)) {
            case .measured(let part): sum += part
            case .bridged: Issue.record("nothing failed")
            case .unknown(let reason): #expect(Bool(false), "\(reason) inside")
            case .deferred: break  // no reading since the last boundary: its part arrives later
            }
            #expect(sum <= value)
        }
        if case .measured(let part) = line.close(at: Nanoseconds(time)) { sum += part }
        #expect(sum == value)
    }
}
