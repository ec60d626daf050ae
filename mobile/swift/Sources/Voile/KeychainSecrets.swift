import Foundation
import Security

/// A `SecretStore` in the Keychain. The values are readable after the first unlock, so that
/// the node works in the background; they stay on this device and in no backup.
public final class KeychainSecrets: SecretStore {
    private let service: String
    private let accessGroup: String?

    /// - Parameters:
    ///   - service: names the entries; one for each node of the app.
    ///   - accessGroup: shares them with an extension or other apps of the team, such as
    ///     "TEAMID.com.example.chat"; nil: this app alone has them.
    public init(service: String, accessGroup: String? = nil) {
        self.service = service
        self.accessGroup = accessGroup
    }

    public func load(_ name: String) throws -> Data? {
        var query = item(name)
        query[kSecReturnData as String] = true
        query[kSecMatchLimit as String] = kSecMatchLimitOne
        var result: CFTypeRef?
        switch SecItemCopyMatching(query as CFDictionary, &result) {
        case errSecSuccess: return result as? Data
        case errSecItemNotFound: return nil
        case let status: throw failure(status, "read")
        }
    }

    public func save(_ name: String, _ value: Data) throws {
        let attributes: [String: Any] = [
            kSecValueData as String: value,
            kSecAttrAccessible as String: kSecAttrAccessibleAfterFirstUnlockThisDeviceOnly,
        ]
        var status = SecItemUpdate(item(name) as CFDictionary, attributes as CFDictionary)
        if status == errSecItemNotFound {
            status = SecItemAdd(item(name).merging(attributes) { $1 } as CFDictionary, nil)
        }
        if status != errSecSuccess { throw failure(status, "write") }
    }

    public func remove(_ name: String) throws {
        let status = SecItemDelete(item(name) as CFDictionary)
        if status != errSecSuccess && status != errSecItemNotFound { throw failure(status, "remove") }
    }

    private func item(_ name: String) -> [String: Any] {
        var query: [String: Any] = [
            kSecClass as String: kSecClassGenericPassword,
            kSecAttrService as String: service,
            kSecAttrAccount as String: name,
            // Also on a Mac: the keychain of iOS, whose entries know no other app.
            kSecUseDataProtectionKeychain as String: true,
        ]
        if let accessGroup { query[kSecAttrAccessGroup as String] = accessGroup }
        return query
    }

    private func failure(_ status: OSStatus, _ what: String) -> Error {
        let text = SecCopyErrorMessageString(status, nil) as String? ?? "status \(status)"
        switch status {
        case errSecInteractionNotAllowed: return SecretsLocked(text)
        case errSecMissingEntitlement: return KeychainError(text: "\(what): \(text): the app lacks the keychain entitlement or access group")
        default: return KeychainError(text: "\(what): \(text) (\(status))")
        }
    }
}

/// The Keychain refused.
public struct KeychainError: LocalizedError {
    let text: String
    public var errorDescription: String? { "Keychain: \(text)" }
}
