package import Assessment
package import Metering

/// What an entry of a bundle is. Types 1 to 5 are those of exports, which docs/export.md tells.
package enum EvidenceType: UInt8, Sendable, Hashable {
    case manifest = 1
    case run, batch, loss, alert
    /// Records of the run, first and last, of which each is in the bundle or told to be lost or deleted.
    case part = 7
    /// Records of the run, first and last, that retention deleted.
    case deletion = 8
    case head = 16
    case factors, plan, lodging, imported, figures
    /// Bytes of the document before it.
    case bytes = 22
    case end = 23
    case revision
}

/// The facts of a document in a bundle; its bytes follow in entries of their own.
package enum EvidenceDocument: Sendable, Hashable {
    case head(EvidenceHead)
    /// The table in which the factors of other levels of the grid were looked up, as CSV.
    case factors
    case plan(EvidencePlan)
    /// Of the plan before it.
    case lodging(kind: String, at: Timestamp)
    case imported(EvidenceImport)
    /// The figures of a closed round of the reported plan, as they were kept.
    case revision(EvidenceRevision)
    /// The report as JSON.
    case figures

    /// Bytes of all documents together; more are refused.
    package static let maximumBytes = 512 << 20

    /// That of the entry with the facts.
    package var type: EvidenceType {
        switch self {
        case .head: .head
        case .factors: .factors
        case .plan: .plan
        case .lodging: .lodging
        case .imported: .imported
        case .revision: .revision
        case .figures: .figures
        }
    }
}

/// What a bundle is of.
package struct EvidenceHead: Sendable, Hashable {
    /// What the head of every bundle of this version names.
    package static let format = "jouleflow-bundle-1"

    /// The plan that is reported.
    package let plan: PlanHash
    /// The report is that of this time.
    package let made: Timestamp
    package let software: String
    package let version: String

    package init(plan: PlanHash, made: Timestamp, software: String, version: String) {
        self.plan = plan
        self.made = made
        self.software = software
        self.version = version
    }
}

/// A sealed plan; its bytes are its canonical text.
package struct EvidencePlan: Sendable, Hashable {
    package let hash: PlanHash
    package let start: Timestamp
    package let sealedAt: Timestamp
    package let abandoned: Timestamp?
    package let reason: String?

    package init(
        hash: PlanHash, start: Timestamp, sealedAt: Timestamp, abandoned: Timestamp?,
        reason: String?
    ) {
        self.hash = hash
        self.start = start
        self.sealedAt = sealedAt
        self.abandoned = abandoned
        self.reason = reason
    }
}

/// An import; its bytes are its canonical lines.
package struct EvidenceImport: Sendable, Hashable {
    package let id: UInt64
    package let kind: String
    /// SHA-256 of the bytes.
    package let digest: [UInt8]
    package let file: String
    package let at: Timestamp
    package let signedBy: String?
    package let signature: [UInt8]?

    package init(
        id: UInt64, kind: String, digest: [UInt8], file: String, at: Timestamp, signedBy: String?,
        signature: [UInt8]?
    ) {
        self.id = id
        self.kind = kind
        self.digest = digest
        self.file = file
        self.at = at
        self.signedBy = signedBy
        self.signature = signature
    }
}

/// A revision of a closed round; its bytes are the canonical document of its figures.
package struct EvidenceRevision: Sendable, Hashable {
    /// From 1, those in reserve after the others.
    package let round: UInt64
    /// From 1: the figures that the round closed with.
    package let revision: UInt64
    /// SHA-256 of the bytes.
    package let digest: [UInt8]
    package let computedAt: Timestamp
    package let software: String

    package init(
        round: UInt64, revision: UInt64, digest: [UInt8], computedAt: Timestamp, software: String
    ) {
        self.round = round
        self.revision = revision
        self.digest = digest
        self.computedAt = computedAt
        self.software = software
    }
}

extension EvidenceDocument {
    /// The facts as canonical JSON, with the number of bytes that follow.
    package func facts(bytes: Int) throws(DocumentError) -> [UInt8] {
        var members = [CanonicalJSON.Member("bytes", .integer(UInt64(bytes)))]
        func add(_ key: String, _ text: String?) {
            if let text { members.append(.init(key, .string(text))) }
        }
        switch self {
        case .head(let head):
            add("format", EvidenceHead.format)
            add("plan", head.plan.description)
            add("made", head.made.rfc3339)
            add("software", head.software)
            add("version", head.version)
        case .factors, .figures: break
        case .plan(let plan):
            add("hash", plan.hash.description)
            add("start", plan.start.rfc3339)
            add("sealed", plan.sealedAt.rfc3339)
            add("abandoned", plan.abandoned?.rfc3339)
            add("reason", plan.reason)
        case .lodging(let kind, let time):
            add("kind", kind)
            add("at", time.rfc3339)
        case .imported(let one):
            members.append(.init("id", .integer(one.id)))
            add("kind", one.kind)
            add("sha256", hexadecimal(one.digest))
            add("file", one.file)
            add("at", one.at.rfc3339)
            add("signed_by", one.signedBy)
            add("signature", one.signature.map(hexadecimal))
        case .revision(let one):
            members.append(.init("round", .integer(one.round)))
            members.append(.init("revision", .integer(one.revision)))
            add("sha256", hexadecimal(one.digest))
            add("at", one.computedAt.rfc3339)
            add("software", one.software)
        }
        do throws(CanonicalError) { return try CanonicalJSON.object(members).bytes() } catch {
            throw .json(error)
        }
    }

    /// Reads facts, and how many bytes are to follow. `nil` for a type that is no document.
    package static func read(
        _ type: EvidenceType, _ facts: [UInt8]
    ) throws(DocumentError) -> (document: Self, bytes: Int)? {
        let json: CanonicalJSON
        do throws(CanonicalError) { json = try CanonicalJSON(reading: facts) } catch {
            throw .json(error)
        }
        let field = DocumentField(value: json, path: "")
        let document: Self
        let members: DocumentMembers
        switch type {
        case .head:
            members = try field.members(["format", "plan", "made", "software", "version", "bytes"])
            document = .head(try EvidenceHead(members))
        case .factors:
            members = try field.members(["bytes"])
            document = .factors
        case .figures:
            members = try field.members(["bytes"])
            document = .figures
        case .plan:
            members = try field.members([
                "hash", "start", "sealed", "abandoned", "reason", "bytes",
            ])
            document = .plan(try EvidencePlan(members))
        case .lodging:
            members = try field.members(["kind", "at", "bytes"])
            document = .lodging(
                kind: try members.required("kind").string(), at: try members.required("at").time())
        case .imported:
            members = try field.members([
                "id", "kind", "sha256", "file", "at", "signed_by", "signature", "bytes",
            ])
            document = .imported(try EvidenceImport(members))
        case .revision:
            members = try field.members([
                "round", "revision", "sha256", "at", "software", "bytes",
            ])
            document = .revision(try EvidenceRevision(members))
        default: return nil
        }
        return (document, try members.required("bytes").count())
    }
}

extension EvidenceHead {
    fileprivate init(_ members: DocumentMembers) throws(DocumentError) {
        let format = try members.required("format")
        guard try format.string() == Self.format else {
            throw format.reject("is not \(Self.format)")
        }
        self.init(
            plan: try members.required("plan").hash(), made: try members.required("made").time(),
            software: try members.required("software").string(),
            version: try members.required("version").string())
    }
}

extension EvidencePlan {
    fileprivate init(_ members: DocumentMembers) throws(DocumentError) {
        self.init(
            hash: try members.required("hash").hash(), start: try members.required("start").time(),
            sealedAt: try members.required("sealed").time(),
            abandoned: try members.optional("abandoned") { field throws(DocumentError) in
                try field.time()
            },
            reason: try members.optional("reason") { field throws(DocumentError) in
                try field.string()
            })
    }
}

extension EvidenceImport {
    fileprivate init(_ members: DocumentMembers) throws(DocumentError) {
        self.init(
            id: try members.required("id").integer(), kind: try members.required("kind").string(),
            digest: try members.required("sha256").bytes(),
            file: try members.required("file").string(), at: try members.required("at").time(),
            signedBy: try members.optional("signed_by") { field throws(DocumentError) in
                try field.string()
            },
            signature: try members.optional("signature") { field throws(DocumentError) in
                try field.bytes()
            })
    }
}

extension EvidenceRevision {
    fileprivate init(_ members: DocumentMembers) throws(DocumentError) {
        self.init(
            round: try members.required("round").integer(),
            revision: try members.required("revision").integer(),
            digest: try members.required("sha256").bytes(),
            computedAt: try members.required("at").time(),
            software: try members.required("software").string())
    }
}

extension DocumentField {
    /// A point of time of RFC 3339 as ``Timestamp/rfc3339`` writes it.
    fileprivate func time() throws(DocumentError) -> Timestamp {
        let text = try string()
        guard let time = Timestamp(rfc3339: text), time.rfc3339 == text else {
            throw reject("is no time in UTC")
        }
        return time
    }

    /// Pairs of lowercase hexadecimal digits.
    fileprivate func bytes() throws(DocumentError) -> [UInt8] {
        let digits = Array(try string().utf8)
        var bytes: [UInt8] = []
        guard digits.count.isMultiple(of: 2) else { throw reject("is no hexadecimal number") }
        for at in stride(from: 0, to: digits.count, by: 2) {
            guard let high = Self.value(digits[at]), let low = Self.value(digits[at + 1]) else {
                throw reject("is no hexadecimal number")
            }
            bytes.append(high << 4 | low)
        }
        return bytes
    }

    private static func value(_ digit: UInt8) -> UInt8? {
        switch digit {
        case 0x30...0x39: digit - 0x30
        case 0x61...0x66: digit - 0x61 + 10
        default: nil
        }
    }

    func hash() throws(DocumentError) -> PlanHash {
        guard let hash = PlanHash(try bytes()) else { throw reject("is no hash of a plan") }
        return hash
    }
}

private func hexadecimal(_ bytes: [UInt8]) -> String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
}
