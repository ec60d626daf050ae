import Foundation

/// How many subkeys a record has and who may write them; 1 to 1024 in all.
public enum DHTSchema: Equatable, Sendable {
    /// The owner writes all subkeys.
    case dflt(oCnt: UInt32)
    /// The owner's subkeys come first, then each member's.
    case smpl(oCnt: UInt32, members: [DHTSchemaSMPLMember])

    init(_ v: Json) throws {
        let oCnt = try v.field("o_cnt").uint()
        switch try v.field("kind").text() {
        case "DFLT": self = .dflt(oCnt: oCnt)
        case "SMPL": self = try .smpl(oCnt: oCnt, members: v.field("members").list { try DHTSchemaSMPLMember($0) })
        case let kind: throw malformed("schema that is known, but \(kind)")
        }
    }

    func write() -> [String: Any] {
        switch self {
        case let .dflt(oCnt): return ["kind": "DFLT", "o_cnt": NSNumber(value: oCnt)]
        case let .smpl(oCnt, members):
            return ["kind": "SMPL", "o_cnt": NSNumber(value: oCnt), "members": members.map { $0.write() }]
        }
    }
}

/// How messages of a context are hidden.
public enum SafetySelection: Equatable, Sendable {
    /// Through other nodes.
    case safe(SafetySpec)
    /// Directly. The library refuses it.
    case unsafe(Sequencing)

    init(_ v: Json) throws {
        if v.has("Safe") {
            self = try .safe(SafetySpec(v.field("Safe")))
        } else {
            self = try .unsafe(v.field("Unsafe").oneOf(Sequencing.self))
        }
    }

    func write() -> [String: Any] {
        switch self {
        case let .safe(spec): return ["Safe": spec.write()]
        case let .unsafe(sequencing): return ["Unsafe": sequencing.rawValue]
        }
    }
}

/// The receiver of a message.
public enum Target: Equatable, Sendable {
    /// A private route that was imported.
    case route(RouteId)
    /// A node. The library refuses it, since it would show who sends.
    case node(NodeId)

    func write() -> [String: Any] {
        switch self {
        case let .route(id): return ["RouteId": id.text]
        case let .node(id): return ["NodeId": id.text]
        }
    }
}
