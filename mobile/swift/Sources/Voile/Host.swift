import Foundation

/// Keeps a few small secrets where the device keeps its own: `KeychainSecrets`. One call
/// comes at a time, from any thread; it may block. What it throws fails the operation of the
/// node that needed the secret; its `localizedDescription` is told.
public protocol SecretStore: AnyObject, Sendable {
    /// The value of a name; nil: it has none. Throws `SecretsLocked` before the first unlock.
    func load(_ name: String) throws -> Data?
    /// Replaces what was there; when it returns, a crash loses nothing. 1 to 65537 bytes.
    func save(_ name: String, _ value: Data) throws
    /// Forgets a name; one without a value is no error.
    func remove(_ name: String) throws
}

/// The secrets cannot be read now: the device was not unlocked since it was switched on.
public struct SecretsLocked: LocalizedError {
    public let reason: String
    public init(_ reason: String) { self.reason = reason }
    public var errorDescription: String? { "Locked: \(reason)" }
}

/// What an app gives to its node.
public struct NodeOptions: Sendable {
    /// A folder of the app for the node's data, which belongs where backups do not look,
    /// since the data cannot be read elsewhere; nil: nothing is kept.
    public var directory: URL?
    /// The device's store of secrets; nil: a file, which the configuration must allow.
    public var secrets: SecretStore?
    /// Tells of name servers and changes of the network; nil: the system is asked once a
    /// second, and names are looked up as the system's files say.
    public var network: AppleNetwork?
    /// Bytes that the process may take, as far as the node can keep to it; 0: no limit. An
    /// extension is killed at 50 MB: give it 40 << 20.
    public var memoryLimit: Int64
    /// Makes log updates of that level and above; nil: none.
    public var logLevel: VeilidLogLevel?
    /// Is told of a bug of the library, once, with the stacks of Go: the node closes itself.
    /// It must not call the node.
    public var onCrash: (@Sendable (String) -> Void)?

    public init(
        directory: URL? = nil, secrets: SecretStore? = nil, network: AppleNetwork? = nil, memoryLimit: Int64 = 0,
        logLevel: VeilidLogLevel? = nil, onCrash: (@Sendable (String) -> Void)? = nil
    ) {
        self.directory = directory
        self.secrets = secrets
        self.network = network
        self.memoryLimit = memoryLimit
        self.logLevel = logLevel
        self.onCrash = onCrash
    }
}
