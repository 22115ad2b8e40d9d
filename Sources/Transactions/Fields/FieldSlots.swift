// Hot path: allocates nothing.
import Glibc
import Traffic

/// The fields of a message while it is read, and after, in a block of the pool: who reads them, then
/// the status and the text of each.
struct FieldSlots {
    let start: UnsafeMutableRawPointer

    private var json: UnsafeMutablePointer<JSONFields> {
        start.assumingMemoryBound(to: JSONFields.self)
    }

    private func xml(_ fields: MessageFieldsPointer) -> UnsafeMutablePointer<XMLFields> {
        (start + fields.pointee.places.xml).assumingMemoryBound(to: XMLFields.self)
    }

    private func form(_ fields: MessageFieldsPointer) -> UnsafeMutablePointer<FormFields> {
        (start + fields.pointee.places.form).assumingMemoryBound(to: FormFields.self)
    }

    private func header(_ fields: MessageFieldsPointer) -> UnsafeMutablePointer<HeaderFields> {
        (start + fields.pointee.places.header).assumingMemoryBound(to: HeaderFields.self)
    }

    @inline(__always)
    private func kept(_ tree: FieldTree, _ fields: MessageFieldsPointer) -> KeptFields {
        let statuses = (start + fields.pointee.places.statuses).assumingMemoryBound(
            to: FieldStatus.self)
        return KeptFields(
            tree: tree, statuses: statuses,
            texts: UnsafeMutableRawPointer(statuses + fields.pointee.count)
                .assumingMemoryBound(to: UInt8.self))
    }

    /// Makes the slots of a new block. Nothing is found in them until they begin.
    func initialize(_ fields: MessageFieldsPointer) {
        kept(fields.pointee.json, fields).statuses.initialize(
            repeating: .unreadable, count: fields.pointee.count)
        if fields.pointee.hasJSON {
            json.initialize(to: JSONFields(kept(fields.pointee.json, fields)))
        }
        if fields.pointee.hasXML {
            xml(fields).initialize(to: XMLFields(kept(fields.pointee.xml, fields)))
        }
        if fields.pointee.hasForms {
            form(fields).initialize(to: FormFields(kept(fields.pointee.form, fields)))
        }
        if fields.pointee.hasHeaders {
            header(fields).initialize(to: HeaderFields(kept(fields.pointee.header, fields)))
        }
    }

    /// Makes slots that go on where others in another block are.
    ///
    /// - Parameter known: by the number that a field has here the one that it has there, or `nil`
    ///   for one that was not asked for: it is unreadable.
    func initialize(
        _ fields: MessageFieldsPointer, from old: FieldSlots, _ oldFields: MessageFieldsPointer,
        known: (Int) -> Int?
    ) {
        initialize(fields)
        let kept = kept(fields.pointee.json, fields)
        let oldKept = old.kept(oldFields.pointee.json, oldFields)
        for number in 0..<fields.pointee.count {
            guard let oldNumber = known(number) else { continue }
            kept.statuses[number] = oldKept.statuses[oldNumber]
            kept.text(Int32(number)).start.update(
                from: oldKept.text(Int32(oldNumber)).start, count: FieldText.size)
        }
        if fields.pointee.hasJSON && oldFields.pointee.hasJSON {
            json.pointee.goOn(from: old.json.pointee)
        }
        if fields.pointee.hasXML && oldFields.pointee.hasXML {
            xml(fields).pointee.goOn(from: old.xml(oldFields).pointee)
        }
        if fields.pointee.hasForms && oldFields.pointee.hasForms {
            form(fields).pointee.goOn(from: old.form(oldFields).pointee)
        }
        if fields.pointee.hasHeaders && oldFields.pointee.hasHeaders {
            header(fields).pointee.goOn(from: old.header(oldFields).pointee)
        }
    }

    // MARK: Bodies

    func beginBody(_ fields: MessageFieldsPointer) {
        want(0..<fields.pointee.bodies, fields)
        if fields.pointee.hasJSON { json.pointee.restart() }
        if fields.pointee.hasXML { xml(fields).pointee.restart() }
        if fields.pointee.hasForms { form(fields).pointee.restart() }
    }

    /// Looks for fields in the next piece of a body. True when none is left to be found.
    func scan(_ piece: UnsafeRawBufferPointer, _ fields: MessageFieldsPointer) -> Bool {
        var isDone = true
        if fields.pointee.hasJSON { isDone = json.pointee.scan(piece) }
        if fields.pointee.hasXML { isDone = xml(fields).pointee.scan(piece) && isDone }
        if fields.pointee.hasForms { isDone = form(fields).pointee.scan(piece) && isDone }
        return isDone
    }

    /// The body was read to its end.
    func endBody(_ fields: MessageFieldsPointer) {
        if fields.pointee.hasForms { form(fields).pointee.finish() }
    }

    private func want(_ wanted: Range<Int>, _ fields: MessageFieldsPointer) {
        let statuses = kept(fields.pointee.json, fields).statuses
        memset(
            statuses + wanted.lowerBound, Int32(FieldStatus.wanted.rawValue), wanted.count)
    }

    // MARK: Heads

    func beginHead(_ fields: MessageFieldsPointer) {
        guard fields.pointee.hasHeaders else { return }
        want(fields.pointee.bodies..<fields.pointee.count, fields)
        header(fields).pointee.restart()
    }

    /// Takes a line of the head that is not empty, without its end.
    @inline(__always)
    func takeHeader(_ line: Line, isCut: Bool, _ fields: MessageFieldsPointer) {
        if fields.pointee.hasHeaders { header(fields).pointee.take(line, isCut: isCut) }
    }

    func endHead(_ fields: MessageFieldsPointer) {
        if fields.pointee.hasHeaders { header(fields).pointee.finish() }
    }

    // MARK: Values

    /// What is known of a field; its bytes are borrowed.
    ///
    /// - Parameter isWhole: its body was read to the end, so that what was not found is absent.
    @inline(__always)
    func value(_ number: Int, _ fields: MessageFieldsPointer, isWhole: Bool) -> FieldValue {
        let number = Int32(truncatingIfNeeded: number)
        let kept = kept(fields.pointee.json, fields)
        switch kept[number] {
        case .found: return kept.text(number).value
        case .unreadable: return .unread
        case .absent: return .absent
        case .wanted:
            let isEnded =
                number < fields.pointee.bodies ? isWhole : header(fields).pointee.isEnded
            return isEnded ? .absent : .unread
        }
    }
}
