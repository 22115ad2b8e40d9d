import Testing

@testable import Weights

private func isNear(_ one: Double, _ other: Double) -> Bool {
    (one - other).magnitude <= 1e-9 * max(1, one.magnitude, other.magnitude)
}

@Suite("The Shapley value divides what is won together")
struct ShapleyValueTests {
    /// A game whose coalitions win what chance says.
    private func game(_ players: Int, seed: UInt64) -> [Double] {
        var random = SeededRandom(seed)
        return (0..<1 << players).map { $0 == 0 ? 0 : Double.random(in: 0...1_000, using: &random) }
    }

    @Test("the worked example of docs/weights.md")
    func workedExample() throws {
        let curve = PowerCurve(idle: 0, factors: [100, 0, 0])
        let parts = try #require(
            ShapleyValue.joules(of: [1, 3], above: 0, sharing: 2_000, curve: curve))
        #expect((parts[0] * 100).rounded() == 63_397)
        #expect((parts[1] * 100).rounded() == 136_603)
    }

    @Test("the game of one left and two right gloves: 4/6, 1/6, 1/6")
    func gloves() throws {
        let parts = try #require(
            ShapleyValue.parts(of: 3) { $0 & 1 == 1 && $0 & 0b110 != 0 ? 1 : 0 })
        #expect(isNear(parts[0], 2.0 / 3))
        #expect(isNear(parts[1], 1.0 / 6))
        #expect(isNear(parts[2], 1.0 / 6))
    }

    @Test("it is the average over all orders", arguments: 1...6 as ClosedRange)
    func orders(seed: UInt64) throws {
        let values = game(4, seed: seed)
        var sums = [0.0, 0, 0, 0]
        var count = 0.0
        func walk(_ coalition: Int) {
            if coalition == 15 { count += 1 }
        }
        for order in permutations([0, 1, 2, 3]) {
            var coalition = 0
            for player in order {
                let next = coalition | 1 << player
                sums[player] += values[next] - values[coalition]
                coalition = next
            }
            walk(coalition)
        }
        #expect(count == 24)
        let parts = try #require(ShapleyValue.parts(of: 4) { values[$0] })
        for (part, sum) in zip(parts, sums) { #expect(isNear(part, sum / 24)) }
    }

    private func permutations(_ items: [Int]) -> [[Int]] {
        guard items.count > 1 else { return [items] }
        return items.flatMap { first in
            permutations(items.filter { $0 != first }).map { [first] + $0 }
        }
    }

    @Test("the parts sum to the whole", arguments: 0...8)
    func efficiency(players: Int) throws {
        let values = game(players, seed: UInt64(players))
        let parts = try #require(ShapleyValue.parts(of: players) { values[$0] })
        #expect(isNear(parts.reduce(0, +), (values.last ?? 0) - (values.first ?? 0)))
    }

    @Test("players that add the same get the same, to the last bit")
    func symmetry() throws {
        let values = game(5, seed: 3)
        // Players 1 and 3 are the same to every coalition.
        func value(_ coalition: Int) -> Double {
            let (one, other) = (coalition >> 1 & 1, coalition >> 3 & 1)
            let rest = coalition & 0b10101
            return values[rest | (one & other) << 1 | (one | other) << 3]
        }
        let parts = try #require(ShapleyValue.parts(of: 5, value: value))
        #expect(parts[1] == parts[3])
    }

    @Test("who adds nothing gets nothing")
    func nobody() throws {
        let values = game(5, seed: 4)
        let parts = try #require(ShapleyValue.parts(of: 5) { values[$0 & 0b11011] })
        #expect(parts[2] == 0)
    }

    @Test("other units scale the parts")
    func units() throws {
        let values = game(4, seed: 5)
        let parts = try #require(ShapleyValue.parts(of: 4) { values[$0] })
        let scaled = try #require(ShapleyValue.parts(of: 4) { values[$0] * 1_024 })
        #expect(scaled == parts.map { $0 * 1_024 })
    }

    @Test("too many players and games without numbers have no parts")
    func refused() {
        #expect(ShapleyValue.parts(of: 13) { _ in 1 } == nil)
        #expect(ShapleyValue.parts(of: -1) { _ in 1 } == nil)
        #expect(ShapleyValue.parts(of: 2) { $0 == 3 ? .nan : 1 } == nil)
    }

    @Test("a straight curve divides by CPU time, whatever was there before")
    func straight() throws {
        let curve = PowerCurve(idle: 50, factors: [0, 20, 0])
        let parts = try #require(
            ShapleyValue.joules(of: [0.5, 0, 1.5], above: 3, sharing: 6_000, curve: curve))
        #expect(isNear(parts[0], 600))
        #expect(parts[1] == 0)
        #expect(isNear(parts[2], 1_800))
    }

    @Test("joules and the base's part sum to the window's, and equal loads get equal joules")
    func joules() throws {
        let curve = PowerCurve(idle: 80, factors: [30, 12, 0.5])
        let loads = [0.4, 1.1, 0.4, 2.5]
        let parts = try #require(
            ShapleyValue.joules(of: loads, above: 0.7, sharing: 900, curve: curve))
        let base = 900 * curve.dynamicPower(at: 0.7) / curve.dynamicPower(at: 0.7 + 4.4)
        #expect(isNear(parts.reduce(base, +), 900))
        #expect(parts[0] == parts[2])
        #expect(parts.allSatisfy { $0 > 0 })
    }
}

@Suite("A power curve is fitted to windows")
struct PowerCurveTests {
    private func points(_ power: (Double) -> Double) -> [PowerCurve.Point] {
        (0...40).map { PowerCurve.Point(load: Double($0) / 10, power: power(Double($0) / 10)) }
    }

    @Test(
        "what it is made of is found again", arguments: [[30, 12, 0.5], [0, 20, 0], [45, 0, 0]])
    func planted(factors: [Double]) throws {
        let truth = PowerCurve(idle: 70, factors: factors)
        let found = try #require(
            PowerCurve(fitting: points(truth.dynamicPower).shuffled(), idle: 70))
        #expect(found.idle == 70)
        for load in [0.3, 1, 2.2, 4] {
            let (one, other) = (found.dynamicPower(at: load), truth.dynamicPower(at: load))
            #expect((one - other).magnitude < 1e-3)
        }
    }

    @Test("it never falls, even where the windows do")
    func monotonic() throws {
        let found = try #require(PowerCurve(fitting: points { 100 - 10 * $0 }, idle: 40))
        var last = 0.0
        for step in 0...50 {
            let power = found.dynamicPower(at: Double(step) / 10)
            #expect(power >= last)
            last = power
        }
    }

    @Test(
        "a concave curve that is no root is followed within 7 % of its span, from idle on",
        arguments: [0...40, 6...33])
    func concave(tenths: ClosedRange<Int>) throws {
        // The shape that Fan, Weber and Barroso measured: 2u − u^1.4.
        func truth(_ load: Double) -> Double { 150 * (2 * load / 4 - power(load / 4, 1.4)) }
        let points = tenths.map {
            PowerCurve.Point(load: Double($0) / 10, power: truth(Double($0) / 10))
        }
        let found = try #require(PowerCurve(fitting: points, idle: 100))
        for load in [0.1, 0.2, 0.5, 1, 2, 3, 4] {
            let told = found.dynamicPower(at: load)
            #expect((told - truth(load)).magnitude < 10.5, "\(load): \(told), \(truth(load))")
        }
        #expect(found.distance(from: points) < 0.05)
    }

    @Test("how far windows lie from it is told by their power")
    func distance() throws {
        let curve = PowerCurve(idle: 5, factors: [0, 10, 0])
        let points = [(1.0, 10.0), (2, 25), (3, 25)].map { PowerCurve.Point(load: $0, power: $1) }
        #expect(isNear(curve.distance(from: points), 10.0 / 60))
        #expect(curve.distance(from: []) == 0)
    }

    /// Exact to far more digits than are compared here.
    private func power(_ base: Double, _ exponent: Double) -> Double {
        guard base > 0 else { return 0 }
        // base^1.4 = base · (base²)^(1/5), the fifth root by Newton's method.
        var root = 1.0
        for _ in 0..<60 { root = (4 * root + base * base / (root * root * root * root)) / 5 }
        return exponent == 1.4 ? base * root : .nan
    }

    @Test("no curve without windows, without load, and without numbers")
    func refused() {
        #expect(PowerCurve(fitting: [], idle: 0) == nil)
        #expect(PowerCurve(fitting: points { _ in 0 }, idle: 0) == nil)
        #expect(PowerCurve(fitting: points { $0 == 1 ? .nan : 1 }, idle: 0) == nil)
        #expect(PowerCurve(fitting: points { $0 == 1 ? -1 : 1 }, idle: 0) == nil)
        #expect(PowerCurve(fitting: points { $0 }, idle: .nan) == nil)
        #expect(
            PowerCurve(fitting: points { _ in 1 }.map { .init(load: 0, power: $0.power) }, idle: 0)
                == nil)
    }
}

@Suite("A factorial design meets every combination as often")
struct FactorialDesignTests {
    @Test("all of them in each repeat, in another order", arguments: 1...6)
    func balanced(scenarios: Int) throws {
        let design = try #require(FactorialDesign(scenarios: scenarios, repeats: 3, seed: 1))
        let size = 1 << scenarios
        #expect(design.blocks.count == 3 * size)
        for start in stride(from: 0, to: design.blocks.count, by: size) {
            #expect(Set(design.blocks[start..<start + size]).count == size)
        }
    }

    @Test("the seed decides, and nothing else")
    func seeded() {
        let one = FactorialDesign(scenarios: 4, repeats: 2, seed: 1)
        #expect(one == FactorialDesign(scenarios: 4, repeats: 2, seed: 1))
        #expect(one != FactorialDesign(scenarios: 4, repeats: 2, seed: 2))
        #expect(one.map { $0.blocks.prefix(16) } != one.map { $0.blocks.suffix(16) })
    }

    @Test("none without scenarios or repeats, or with too many")
    func refused() {
        #expect(FactorialDesign(scenarios: 0, repeats: 1, seed: 1) == nil)
        #expect(FactorialDesign(scenarios: 7, repeats: 1, seed: 1) == nil)
        #expect(FactorialDesign(scenarios: 4, repeats: 0, seed: 1) == nil)
        #expect(FactorialDesign(scenarios: 4, repeats: 101, seed: 1) == nil)
    }
}

@Suite("Least squares without an element below 0 are the nearest such")
struct NonNegativeTests {
    @Test("no element could do better", arguments: 1...60 as ClosedRange)
    func optimal(seed: UInt64) {
        var random = SeededRandom(seed)
        let order = Int.random(in: 1...6, using: &random)
        var equations = NormalEquations(order: order)
        for _ in 0..<order * 3 {
            let row = (0..<order).map { _ in Double.random(in: -1...2, using: &random) }
            equations.add(row, Double.random(in: -3...3, using: &random))
        }
        let solution = equations.nonNegativeSolution
        let pull = equations.score(at: solution)
        for (value, pull) in zip(solution, pull) {
            #expect(value >= 0)
            // Above 0 nothing pulls; at 0 nothing pulls upward.
            #expect(pull <= 1e-8)
            if value > 0 { #expect(pull.magnitude <= 1e-8) }
        }
    }

    @Test("columns that are the same, zero, or combinations end it all the same")
    func degenerate() {
        var equations = NormalEquations(order: 4)
        for step in 0..<12 {
            let one = Double(step % 5)
            equations.add([one, one, 0, 2 * one], 3 * one)
        }
        let solution = equations.nonNegativeSolution
        #expect(solution.allSatisfy { $0 >= 0 && $0.isFinite })
        let told = solution[0] + solution[1] + 2 * solution[3]
        #expect((told - 3).magnitude < 1e-9)
    }

    @Test("eigenvalues and vectors make up the matrix again", arguments: 1...20 as ClosedRange)
    func eigen(seed: UInt64) {
        var random = SeededRandom(seed)
        var matrix = SymmetricMatrix(order: 5)
        for _ in 0..<9 {
            matrix.add((0..<5).map { _ in Double.random(in: -1...1, using: &random) })
        }
        let eigen = matrix.eigen
        for (value, vector) in eigen {
            for (one, other) in zip(matrix.times(vector), vector) {
                #expect((one - value * other).magnitude < 1e-10)
            }
        }
        #expect(eigen.map(\.value) == eigen.map(\.value).sorted())
    }
}
