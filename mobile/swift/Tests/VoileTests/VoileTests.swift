@testable import Voile
import XCTest

final class VoileTests: XCTestCase {
    func testMessages() throws {
        let message = try Message.encode(Data(##"{"a":"ä","p":"#0"}"##.utf8), [Data([1, 2])])
        let v = try Message.decode(message)
        XCTAssertEqual(try v.field("a").text(), "ä")
        XCTAssertEqual(try v.field("p").bytes(), Data([1, 2]))
        XCTAssertThrowsError(try Message.decode(message.dropLast()))
        XCTAssertThrowsError(try Message.decode(Data()))
    }

    func testSecretsDoNotPrint() {
        XCTAssertFalse("\(SecretKey("s3cret")) \(String(reflecting: KeyPair("s3cret")))".contains("s3cret"))
    }

    func testEveryKindOfError() throws {
        for code in ErrorCode.allCases where (1...15).contains(code.rawValue) {
            let v = Json(["kind": code.kind, "message": "m"], [], "test")
            XCTAssertEqual(try VoileError(v).code, code)
            XCTAssertEqual(VoileError(kind: code.kind, message: "m").code, code)
        }
    }

    func testNode() async throws {
        var config = try VoileNode.defaultConfig(programName: "test")
        config.network.routingTable.bootstrap = []
        config.network.routingTable.bootstrapKeys = []
        config.network.protocol.udp.enabled = false
        config.network.protocol.tcp.listen = false
        config.network.protocol.ws.listen = false
        let node = try await VoileNode.start(config, NodeOptions(network: AppleNetwork()))
        let updates = node.updates()
        let reader = Task { () -> VeilidUpdate? in
            var last: VeilidUpdate?
            for try await update in updates { last = update }
            return last
        }
        let table = try await node.openTableDb(name: "t", columnCount: 1)
        try await table.store(col: 0, key: Data([0]), value: Data([1, 2]))
        let value = try await table.load(col: 0, key: Data([0]))
        XCTAssertEqual(value, Data([1, 2]))
        do {
            try await node.detach()
            XCTFail("no error")
        } catch let error as VoileError {
            XCTAssertEqual(error.code, .generic)
        }
        while try node.status().sessions < 2 { await Task.yield() }
        try await node.stop()
        let last = try await reader.value
        XCTAssertEqual(last, .shutdown)
    }

    /// Needs an app around it with the keychain entitlement.
    func testKeychain() throws {
        let store = KeychainSecrets(service: "net.voile.test")
        do {
            try store.save("k", Data([1]))
        } catch let error as KeychainError where error.localizedDescription.contains("entitlement") {
            throw XCTSkip("SKIP: \(error.localizedDescription)")
        }
        try store.save("k", Data([2]))
        XCTAssertEqual(try store.load("k"), Data([2]))
        try store.remove("k")
        try store.remove("k")
        XCTAssertNil(try store.load("k"))
    }
}
