// Hot path: allocates nothing.
import Traffic

/// The fields of a message while it is read, and after: in a block of the pool, a slot for each.
struct FieldSlots {
    /// Bytes of a slot: any reader of a field fits in it.
    static let size = 128

    let start: UnsafeMutableRawPointer

    private func slot<Reader>(_ number: Int) -> UnsafeMutablePointer<Reader> {
        (start + number * Self.size).assumingMemoryBound(to: Reader.self)
    }

    private func json(_ number: Int) -> UnsafeMutablePointer<JSONFieldScanner> { slot(number) }
    private func xml(_ number: Int) -> UnsafeMutablePointer<XMLFieldScanner> { slot(number) }
    private func form(_ number: Int) -> UnsafeMutablePointer<FormFieldScanner> { slot(number) }
    private func header(_ number: Int) -> UnsafeMutablePointer<HeaderFieldReader> { slot(number) }

    /// Makes the slots of a new block. Nothing is found in them until they begin.
    func initialize(_ fields: MessageFields) {
        for number in 0..<fields.count { initialize(number, fields) }
    }

    private func initialize(_ number: Int, _ fields: MessageFields) {
        let text = fields.texts[number]
        if number < fields.json {
            json(number).initialize(to: JSONFieldScanner(path: text))
            json(number).pointee.makeUnreadable()
        } else if number < fields.xml {
            xml(number).initialize(to: XMLFieldScanner(path: text))
            xml(number).pointee.makeUnreadable()
        } else if number < fields.bodies {
            form(number).initialize(to: FormFieldScanner(name: text))
            form(number).pointee.makeUnreadable()
        } else {
            header(number).initialize(to: HeaderFieldReader(name: text))
        }
    }

    /// Makes a slot that goes on where one of the same selector in another block is.
    func initialize(
        _ number: Int, _ fields: MessageFields, from old: FieldSlots, _ oldNumber: Int?
    ) {
        guard let oldNumber else { return initialize(number, fields) }
        let text = fields.texts[number]
        if number < fields.json {
            json(number).initialize(to: old.json(oldNumber).pointee.moved(to: text))
        } else if number < fields.xml {
            xml(number).initialize(to: old.xml(oldNumber).pointee.moved(to: text))
        } else if number < fields.bodies {
            form(number).initialize(to: old.form(oldNumber).pointee.moved(to: text))
        } else {
            header(number).initialize(to: old.header(oldNumber).pointee.moved(to: text))
        }
    }

    // MARK: Bodies

    func beginBody(_ fields: MessageFields) {
        for number in 0..<fields.json { json(number).pointee.restart() }
        for number in fields.json..<fields.xml { xml(number).pointee.restart() }
        for number in fields.xml..<fields.bodies { form(number).pointee.restart() }
    }

    /// Looks for fields in the next piece of a body. True when none is left to be found.
    func scan(_ piece: UnsafeRawBufferPointer, _ fields: MessageFields) -> Bool {
        var isDone = true
        for number in 0..<fields.json {
            json(number).pointee.scan(piece)
            isDone = isDone && json(number).pointee.isDone
        }
        for number in fields.json..<fields.xml {
            xml(number).pointee.scan(piece)
            isDone = isDone && xml(number).pointee.isDone
        }
        for number in fields.xml..<fields.bodies {
            form(number).pointee.scan(piece)
            isDone = isDone && form(number).pointee.isDone
        }
        return isDone
    }

    /// The body was read to its end.
    func endBody(_ fields: MessageFields) {
        for number in fields.xml..<fields.bodies { form(number).pointee.finish() }
    }

    // MARK: Heads

    func beginHead(_ fields: MessageFields) {
        for number in fields.bodies..<fields.count { header(number).pointee.restart() }
    }

    /// Takes a line of the head that is not empty, without its end.
    func takeHeader(_ line: Line, isCut: Bool, _ fields: MessageFields) {
        for number in fields.bodies..<fields.count {
            header(number).pointee.take(line, isCut: isCut)
        }
    }

    func endHead(_ fields: MessageFields) {
        for number in fields.bodies..<fields.count { header(number).pointee.finish() }
    }

    // MARK: Values

    /// What is known of a field; its bytes are copied to `room`.
    ///
    /// - Parameter isWhole: its body was read to the end, so that what was not found is absent.
    func value(
        _ number: Int, _ fields: MessageFields, isWhole: Bool,
        room: UnsafeMutablePointer<UInt8>
    ) -> FieldValue {
        if number < fields.json {
            switch json(number).pointee.phase {
            case .found: return json(number).pointee.text.copy(to: room)
            case .unreadable: return .unread
            default: break
            }
        } else if number < fields.xml {
            switch xml(number).pointee.phase {
            case .found: return xml(number).pointee.text.copy(to: room)
            case .unreadable: return .unread
            default: break
            }
        } else if number < fields.bodies {
            switch form(number).pointee.phase {
            case .found: return form(number).pointee.text.copy(to: room)
            case .unreadable: return .unread
            default: break
            }
        } else {
            switch header(number).pointee.phase {
            case .found: return header(number).pointee.text.copy(to: room)
            case .absent: return .absent
            case .wanted, .current, .unread: return .unread
            }
        }
        return isWhole ? .absent : .unread
    }
}
