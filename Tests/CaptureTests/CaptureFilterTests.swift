import Testing

@testable import Capture

@Suite("The kernel filter")
struct CaptureFilterTests {
    @Test("names every port behind zero, one and two tags")
    func expression() {
        let expression = CaptureFilter.expression(ports: [80, 8080])
        #expect(
            expression
                == "(tcp and (port 80 or port 8080)) or (vlan and ((tcp and (port 80 or port 8080)) or (vlan and (tcp and (port 80 or port 8080)))))"
        )
    }
}
