// Hot path: nothing here allocates but `init`.
package import Traffic

/// A service whose exchanges are wanted.
package struct EngineService: Sendable {
    package let ports: [UInt16]
    /// This host makes the requests, in place of receiving them.
    package let isOutgoing: Bool
    /// The fields that rules ask for, in the order of `Exchange.fields`.
    package let selectors: [FieldSelector]
    /// Those of requests and of responses, and where the field of each selector is among them.
    let request: MessageSelectors
    let response: MessageSelectors
    let places: [FieldPlace]

    package init(ports: [UInt16], isOutgoing: Bool = false, selectors: [FieldSelector]) {
        self.ports = ports
        self.isOutgoing = isOutgoing
        self.selectors = selectors
        let request = MessageSelectors(selectors, ofRequest: true)
        let response = MessageSelectors(selectors, ofRequest: false)
        self.request = request
        self.response = response
        places = selectors.compactMap { selector in
            let side = selector.isOfRequest ? request : response
            return side.number(of: selector).map {
                FieldPlace(isOfRequest: selector.isOfRequest, number: $0)
            }
        }
    }
}

/// Which service a connection belongs to, by its server's port and by which of its ends are this
/// host.
///
/// A service that this host offers has the connections of its ports, but those that this host opens
/// to other hosts. A service that this host calls has those that this host opens, but those to this
/// host itself on a port that is offered here. Where the host is not known, as with files, a port's
/// connections are of the service that is offered, if there is one.
struct ServicePorts: ~Copyable {
    private struct Pair {
        var incoming: UInt16?
        var outgoing: UInt16?
    }

    /// Place in `pairs` plus one, by port; zero where the port is none of a service.
    private let places: UnsafeMutablePointer<UInt16>
    private let pairs: [Pair]
    /// This host's own addresses; empty where they are not known.
    var localAddresses: Set<Address>

    init(_ services: [EngineService], localAddresses: [[UInt8]]) {
        self.localAddresses = Set(localAddresses.compactMap(Address.init))
        places = .allocate(capacity: 1 << 16)
        places.initialize(repeating: 0, count: 1 << 16)
        var pairs: [Pair] = []
        for (index, service) in services.enumerated() {
            for port in service.ports {
                if places[Int(port)] == 0 {
                    pairs.append(Pair())
                    places[Int(port)] = UInt16(clamping: pairs.count)
                }
                let place = Int(places[Int(port)]) - 1
                if service.isOutgoing {
                    pairs[place].outgoing = UInt16(index)
                } else {
                    pairs[place].incoming = UInt16(index)
                }
            }
        }
        self.pairs = pairs
    }

    deinit { places.deallocate() }

    /// Whether a service has the port.
    @inline(__always)
    func contains(_ port: UInt16) -> Bool { places[Int(port)] != 0 }

    /// The number of the connection's service; `nil` where it is of none.
    func service(of key: ConnectionKey) -> Int? {
        let place = Int(places[Int(key.serverPort)])
        guard place > 0 else { return nil }
        let pair = pairs[place - 1]
        let isHostKnown = !localAddresses.isEmpty
        let isOpenedHere = isHostKnown && localAddresses.contains(key.client)
        if let incoming = pair.incoming,
            !isOpenedHere || localAddresses.contains(key.server)
        {
            return Int(incoming)
        }
        return isOpenedHere || !isHostKnown ? pair.outgoing.map(Int.init) : nil
    }
}
