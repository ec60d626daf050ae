import Foundation

// How requests, answers and updates cross: a line of JSON with the bytes that it refers
// to as "#0", "#1", … behind it, each part with its length in front (4 bytes, big endian).

func malformed(_ what: String) -> VoileError {
    .internalError(message: "the library gave no \(what)")
}

/// A value of JSON that came from the library, with the bytes beside it.
struct Json {
    private let value: Any?
    private let parts: [Data]
    private let at: String

    init(_ value: Any?, _ parts: [Data], _ at: String) {
        self.value = value is NSNull ? nil : value
        self.parts = parts
        self.at = at
    }

    private func wrong(_ expected: String) -> VoileError { malformed("\(expected) at \(at)") }

    func field(_ name: String) throws -> Json {
        guard let o = value as? [String: Any] else { throw wrong("object") }
        return Json(o[name], parts, at + "." + name)
    }

    func has(_ name: String) -> Bool { (value as? [String: Any])?[name] != nil }

    func text() throws -> String {
        guard let text = value as? String else { throw wrong("text") }
        return text
    }

    func textOrEmpty() -> String { value as? String ?? "" }

    func bool() throws -> Bool {
        guard let b = value as? Bool else { throw wrong("truth value") }
        return b
    }

    func uint() throws -> UInt32 {
        guard let n = value as? NSNumber, let u = UInt32(exactly: n.int64Value) else { throw wrong("number of 32 bits") }
        return u
    }

    /// A number of 64 bits, which is a text in JSON.
    func ulong() throws -> UInt64 {
        guard let n = UInt64(try text()) else { throw wrong("decimal number") }
        return n
    }

    /// The bytes that a text refers to, or that it is in base64url.
    func bytes() throws -> Data {
        let text = try text()
        if !text.hasPrefix("#") {
            var base = text.replacingOccurrences(of: "-", with: "+").replacingOccurrences(of: "_", with: "/")
            base += String(repeating: "=", count: (4 - base.count % 4) % 4)
            guard let data = Data(base64Encoded: base) else { throw wrong("base64url") }
            return data
        }
        guard let n = Int(text.dropFirst()), parts.indices.contains(n) else { throw wrong("reference to bytes") }
        return parts[n]
    }

    func list<T>(_ read: (Json) throws -> T) throws -> [T] {
        guard let list = value as? [Any] else { throw wrong("list") }
        return try list.enumerated().map { try read(Json($1, parts, "\(at)[\($0)]")) }
    }

    func ranges() throws -> [ClosedRange<UInt32>] {
        try list { pair in
            let ends = try pair.list { try $0.uint() }
            guard ends.count == 2, ends[0] <= ends[1] else { throw wrong("pair of subkeys") }
            return ends[0]...ends[1]
        }
    }

    func raw() throws -> String {
        guard let value, let data = try? JSONSerialization.data(withJSONObject: value) else { throw wrong("JSON") }
        return String(decoding: data, as: UTF8.self)
    }

    func orNull<T>(_ read: (Json) throws -> T) throws -> T? {
        value == nil ? nil : try read(self)
    }

    func oneOf<E: RawRepresentable>(_ type: E.Type) throws -> E where E.RawValue == String {
        guard let e = E(rawValue: try text()) else { throw wrong("known name") }
        return e
    }
}

/// The bytes of a request, and an answer or update read from its bytes.
enum Message {
    static func encode(_ line: Data, _ parts: [Data]) throws -> Data {
        let size = parts.reduce(4 + line.count) { $0 + 4 + $1.count }
        guard size <= maxSize else {
            throw VoileError.invalidArgument(context: "request", argument: "bytes", value: "\(size), at most \(maxSize)")
        }
        var message = Data(capacity: size)
        for part in [line] + parts {
            withUnsafeBytes(of: UInt32(part.count).bigEndian) { message.append(contentsOf: $0) }
            message.append(part)
        }
        return message
    }

    /// Reads what the library gives. It lends its bytes for the time of a call only, so
    /// that everything is copied here, whatever Data would share.
    static func decode(_ message: Data?) throws -> Json {
        let bytes = [UInt8](message ?? Data())
        var parts: [Data] = []
        var at = 0
        while at < bytes.count {
            guard bytes.count - at >= 4 else { throw malformed("whole message") }
            let size = bytes[at..<at + 4].reduce(0) { $0 << 8 | Int($1) }
            at += 4
            guard size <= bytes.count - at else { throw malformed("whole message") }
            parts.append(Data(bytes[at..<at + size]))
            at += size
        }
        guard let line = parts.first else { throw malformed("message") }
        guard let value = try? JSONSerialization.jsonObject(with: line) else { throw malformed("JSON") }
        return Json(value, Array(parts.dropFirst()), "answer")
    }

    private static let maxSize = 129 << 20
}

/// A request that is being put together.
final class Request {
    private var json: [String: Any]
    private var parts: [Data] = []
    /// The field that names the operation on an object; nil: it is on none.
    let opField: String?

    init(_ op: String) {
        json = ["op": op]
        opField = nil
    }

    init(_ family: String, _ idField: String, _ id: UInt32, _ opField: String, _ operation: String) {
        json = ["op": family, idField: NSNumber(value: id), opField: operation]
        self.opField = opField
    }

    /// A parameter; nil leaves it out.
    func put(_ name: String, _ value: Any?) -> Request {
        json[name] = value
        return self
    }

    /// Bytes of the app, which go beside the line; nil leaves them out.
    func bytes(_ name: String, _ value: Data?) -> Request {
        if let value {
            json[name] = "#\(parts.count)"
            parts.append(value)
        }
        return self
    }

    func encode() throws -> Data {
        try Message.encode(JSONSerialization.data(withJSONObject: json), parts)
    }
}

/// The answer to a request that has succeeded.
struct Response {
    let root: Json

    var value: Json {
        get throws { try root.field("value") }
    }

    init(_ request: Request, _ message: Data?) throws {
        root = try Message.decode(message)
        if root.has("error") { throw try VoileError(root.field("error")) }
        if let opField = request.opField, try root.field(opField).text() == "InvalidId" { throw VoileError.invalidHandle }
    }
}

func base64(_ data: Data) -> String {
    data.base64EncodedString().replacingOccurrences(of: "+", with: "-").replacingOccurrences(of: "/", with: "_")
        .replacingOccurrences(of: "=", with: "")
}

func ranges(_ list: [ClosedRange<UInt32>]) -> [[NSNumber]] {
    list.map { [NSNumber(value: $0.lowerBound), NSNumber(value: $0.upperBound)] }
}

func raw(_ text: String) -> Any {
    (try? JSONSerialization.jsonObject(with: Data(text.utf8))) ?? NSNull()
}
