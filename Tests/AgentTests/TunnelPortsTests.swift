import Testing
import Traffic
import Transactions

@testable import Agent

@Suite("The UDP ports of tunnels")
struct TunnelPortsTests {
    @Test("are the standard ones and those that are set")
    func added() {
        #expect(TunnelPorts([]) == TunnelPorts())
        let ports = TunnelPorts([.vxlan(port: 9999), .gre, .vxlan(port: 4789), .geneve(port: 7000)])
        #expect(ports.vxlan == [4789, 8472, 9999])
        #expect(ports.geneve == [6081, 7000])
    }

    @Test("belong to the protocol for which they are set")
    func taken() {
        let ports = TunnelPorts([.geneve(port: 8472), .vxlan(port: 6081)])
        #expect(ports.vxlan == [4789, 6081])
        #expect(ports.geneve == [8472])
    }
}
