extension Field {
    /// The mapping `energy`.
    func energy(file: String) -> EnergySettings? {
        typealias Keys = AgentKeys.Energy
        guard let section = section(Keys.all) else { return nil }
        let standard = EnergySettings.standard
        let sysfs = section.value(Keys.sysfs, default: standard.sysfs) {
            $0.filePath(besideFile: file)
        }
        let procfs = section.value(Keys.procfs, default: standard.procfs) {
            $0.filePath(besideFile: file)
        }
        let source = section.value(Keys.source, default: standard.source) { $0.energySource() }
        let idle = section.value(Keys.idleWatts, default: .learn) { $0.idlePower() }
        let maximum = section.optional(Keys.maximumWatts) { $0.milliwatts() }
        let sensors = section.value(Keys.wallSensors, default: []) { $0.wallSensors() }
        guard let sysfs, let procfs, let source, let idle, let maximum, let sensors else {
            return nil
        }
        let settings = EnergySettings(
            sysfs: sysfs, procfs: procfs, source: source, idlePower: idle,
            maximumMilliwatts: maximum, wallSensors: sensors)
        return section.agree(settings) ? settings : nil
    }

    private func energySource() -> EnergySourceChoice? {
        word([.auto, .rapl, .wall, .model, .none].map { ($0.rawValue, $0) })
    }

    private func idlePower() -> IdlePowerChoice? {
        if case .scalar("learn", _) = node.content { return .learn }
        return milliwatts(expected: "learn or a number of watts").map(IdlePowerChoice.configured)
    }
}

// MARK: - Wall sensors

extension Field {
    /// 1 to 8 sensors, none of which may be another.
    private func wallSensors() -> [WallSensorName]? {
        guard let fields = elements(1...8, of: "a list of sensors") else { return nil }
        var read: [WallSensorName] = []
        let sensors = fields.readAll { field in
            guard let sensor = field.wallSensor() else { return nil as WallSensorName? }
            guard let same = read.first(where: { $0.mayBe(sensor) }) else {
                read.append(sensor)
                return sensor
            }
            return field.refuse(sensor, as: same)
        }
        return sensors
    }

    private func refuse(_ sensor: WallSensorName, as same: WallSensorName) -> WallSensorName? {
        guard sensor.device != same.device else {
            return reject(
                .duplicate(path: path, written: "\(sensor)", firstLine: same.place.line),
                key.hint("keep one of the two"))
        }
        return reject(
            "\(sensor)", "may be \(same), named on line \(same.place.line)",
            "with several chips of one name, write each with its device: \(same.chip)@DEVICE/"
                + "\(same.sensor), where DEVICE is the last part of where the link device in its "
                + "hwmon folder leads")
    }

    /// `chip/sensor` or `chip@device/sensor`.
    private func wallSensor() -> WallSensorName? {
        guard let text = text(expected: "a sensor like power_meter/power1") else { return nil }
        let parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 2 else { return reject(text, "is not CHIP/SENSOR") }
        let names = parts[0].split(
            separator: "@", maxSplits: 1, omittingEmptySubsequences: false
        ).map(String.init)
        guard let chip = names.first, Self.isIdentifier(chip) else {
            return reject(
                parts[0], "does not begin with a chip's name: 1 to 64 of A-Z a-z 0-9 . - _")
        }
        let device = names.count == 2 ? names[1] : nil
        guard device.map(Self.isDevice) ?? true else {
            return reject(parts[0], "does not end with a device's name of 1 to 64 characters")
        }
        guard Self.isSensor(parts[1]) else {
            let beginning = parts[1].prefix { $0 != "_" }
            let isFile = Self.isSensor(String(beginning)) && beginning.count < parts[1].count
            return reject(
                parts[1],
                "is not power1 to power999 or energy1 to energy999"
                    + (isFile ? "; did you mean \"\(beginning)\"?" : ""))
        }
        return WallSensorName(chip: chip, device: device, sensor: parts[1], place: place)
    }

    /// A name in sysfs: printable ASCII without space; slashes are gone already.
    private static func isDevice(_ text: String) -> Bool {
        (1...64).contains(text.utf8.count) && text.utf8.allSatisfy { (0x21...0x7E).contains($0) }
            && text != "." && text != ".."
    }

    /// `power` or `energy` with a number from 1, without a zero before it.
    private static func isSensor(_ text: String) -> Bool {
        guard let kind = ["power", "energy"].first(where: text.hasPrefix) else { return false }
        let digits = text.dropFirst(kind.count).utf8
        return (1...3).contains(digits.count) && digits.allSatisfy(isDigit)
            && digits.first != 0x30
    }
}

extension WallSensorName {
    /// Whether both may name one sensor: without a device, a chip may be any of its name.
    fileprivate func mayBe(_ other: WallSensorName) -> Bool {
        chip == other.chip && sensor == other.sensor
            && (device == other.device || device == nil || other.device == nil)
    }
}

// MARK: - Keys that are good alone and not together

extension Section {
    /// Reports what contradicts in the mapping `energy`; whether nothing does.
    fileprivate func agree(_ energy: EnergySettings) -> Bool {
        let checks = [sensorsAreUsed(energy), maximumIsUsed(energy), modelIsComplete(energy)]
        return checks.allSatisfy { $0 }
    }

    private func sensorsAreUsed(_ energy: EnergySettings) -> Bool {
        guard energy.source != .auto, energy.source != .wall else { return true }
        var sensors = field(AgentKeys.Energy.wallSensors)?.elements(1...8)
        guard let first = sensors?.next() else { return true }
        return first.conflict(
            "is not read with source: \(energy.source.rawValue)",
            "write source: wall, or leave wall_sensors out")
    }

    private func maximumIsUsed(_ energy: EnergySettings) -> Bool {
        guard energy.source != .auto, energy.source != .model else { return true }
        return field(AgentKeys.Energy.maximumWatts)?.conflict(
            "is not used with source: \(energy.source.rawValue)",
            "write source: model or source: auto, or leave maximum_watts out") ?? true
    }

    private func modelIsComplete(_ energy: EnergySettings) -> Bool {
        typealias Keys = AgentKeys.Energy
        let example = "idle_watts: 85.5 and maximum_watts: 240"
        if let model = energy.model {
            guard model.maximum < model.idle else { return true }
            return field(Keys.maximumWatts)?.conflict(
                "is below idle_watts",
                "maximum_watts is what the host draws at full load, idle_watts without work; write, "
                    + "for example, \(example)")
                ?? true
        }
        if energy.source == .model {
            return field(Keys.source)?.conflict(
                "needs idle_watts and maximum_watts, both as numbers: no watts are made up",
                "measure the host idle and at full load and write, for example, \(example); "
                    + "without them write source: none") ?? true
        }
        guard energy.source == .auto else { return true }
        return field(Keys.maximumWatts)?.conflict(
            "is used only with idle_watts as a number, for the model",
            "write both, for example, \(example), or leave maximum_watts out") ?? true
    }
}

extension Field {
    /// Reports that the value contradicts another; `false` for the caller to return.
    fileprivate func conflict(_ reason: String, _ hint: String) -> Bool {
        findings.add(
            .badValue(path: path, written: written, reason: reason), at: place, hint: hint)
        return false
    }
}
