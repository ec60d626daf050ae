import Foundation
import Mobile

/// A user of a node with handles of its own. Its operations are in Operations.swift. Methods
/// may be called from any thread.
public class VoileSession: @unchecked Sendable {
    let native: MobileSession
    let caller: Caller

    init(_ native: MobileSession) {
        self.native = native
        caller = Caller(native)
    }

    /// Handles that were made and not released.
    public var objects: Int { native.objects() }

    /// Ends the operations under way and releases the handles. It may wait: call it from a
    /// thread that may.
    public func close() throws { try wrapped { try native.close() } }
}

/// A node: an identity, its peers and routes, and the connection to a network. Made by
/// `start`; ends with `stop`.
///
///     let node = try await VoileNode.start(config, NodeOptions(directory: folder, secrets: secrets, network: AppleNetwork()))
///     Task { for try await update in node.updates() { … } }
///     try await node.attach()
public final class VoileNode: VoileSession, @unchecked Sendable {
    private let node: MobileNode
    private let network: AppleNetwork?
    private let readers = Readers()

    private init(_ node: MobileNode, _ network: AppleNetwork?) throws {
        self.node = node
        self.network = network
        super.init(try wrapped { try node.open(nil) })
        network?.start { [weak node] in node?.networkChanged() }
    }

    /// Starts a node, which takes up to a second or two. Several nodes may run, each with a
    /// program name or namespace of its own. Cancelling the task ends the start.
    ///
    /// Throws `parseError` or `generic` for the configuration, `alreadyInitialized` for a
    /// second node on the same folders, `tryAgain` while the secrets are locked,
    /// `internalError` for a store that is broken.
    public static func start(_ config: VeilidConfig, _ options: NodeOptions) async throws -> VoileNode {
        let text = try JSONSerialization.data(withJSONObject: config.write())
        return try await start(json: String(decoding: text, as: UTF8.self), options)
    }

    /// Is `start` with a configuration in JSON, which may leave out what is as in
    /// `defaultConfig`.
    public static func start(json: String, _ options: NodeOptions) async throws -> VoileNode {
        let cancellation = MobileCancellation()
        let started: Result<VoileNode, Error> = await withTaskCancellationHandler {
            await background {
                Result {
                    var error: NSError?
                    guard let node = MobileStart(json, options.native(), cancellation, &error) else { throw voileError(error) }
                    return try VoileNode(node, options.network)
                }
            }
        } onCancel: {
            cancellation?.cancel()
        }
        if Task.isCancelled {
            if case let .success(node) = started { try await node.stop() }
            throw CancellationError()
        }
        return try started.get()
    }

    /// The configuration of an app in a folder (see `NodeOptions.directory`). Change what differs.
    public static func defaultConfig(programName: String, directory: URL? = nil) throws -> VeilidConfig {
        var error: NSError?
        let text = MobileDefaultConfig(directory?.path ?? "", &error)
        if let error { throw voileError(error) }
        let value = try JSONSerialization.jsonObject(with: Data(text.utf8))
        var config = try VeilidConfig(Json(value, [], "configuration"))
        config.programName = programName
        return config
    }

    /// What the node tells, from the moment of the first `next` on, until it closes: the last
    /// update is `shutdown`. Each sequence gets all updates. One that is read slowly holds up
    /// what others send to this node, and loses some of it after two seconds.
    ///
    /// - Parameter buffer: how many updates may wait.
    public func updates(buffer: Int = 64) -> VoileUpdates { VoileUpdates(node, readers, buffer) }

    /// A user of the node with handles of its own, which end with it.
    public func openSession() throws -> VoileSession { VoileSession(try wrapped { try node.open(nil) }) }

    /// Tells that the network has changed. With `NodeOptions.network` it is told anyway.
    public func networkChanged() { node.networkChanged() }

    /// Tells where the app is. In the background the node does its periodic work more rarely,
    /// which saves the battery; back in front it looks at its network at once.
    public func setForeground(_ on: Bool) { node.setForeground(on) }

    /// What the node takes of the device now.
    public func status() throws -> NodeStatus {
        var error: NSError?
        let text = node.statusJSON(&error)
        if let error { throw voileError(error) }
        let v = Json(try JSONSerialization.jsonObject(with: Data(text.utf8)), [], "status")
        return NodeStatus(
            heapBytes: try v.field("heap_bytes").uint(), runtimeBytes: try v.field("runtime_bytes").uint(),
            goroutines: try v.field("goroutines").uint(), sessions: try v.field("sessions").uint()
        )
    }

    /// Ends the node and waits, a few seconds at most. It may be called twice.
    public func stop() async throws {
        network?.stop()
        readers.end()
        try await background { Result { try wrapped { try self.node.close() } } }.get()
    }
}

/// What a node takes of the device: memory in use and all that the library has from the
/// system, in bytes.
public struct NodeStatus: Equatable, Sendable {
    public let heapBytes, runtimeBytes, goroutines, sessions: UInt32
}

/// The updates of a node. Made by `VoileNode.updates`.
public struct VoileUpdates: AsyncSequence, @unchecked Sendable {
    public typealias Element = VeilidUpdate
    private let node: MobileNode
    private let readers: Readers
    private let buffer: Int

    init(_ node: MobileNode, _ readers: Readers, _ buffer: Int) {
        self.node = node
        self.readers = readers
        self.buffer = buffer
    }

    public func makeAsyncIterator() -> Iterator { Iterator(node, readers, buffer) }

    /// Reads the updates. When nobody refers to it any more, its session ends.
    public final class Iterator: AsyncIteratorProtocol {
        private let open: () throws -> Subscription
        private var subscription: Subscription?
        private var inner: AsyncStream<VeilidUpdate>.Iterator?

        init(_ node: MobileNode, _ readers: Readers, _ buffer: Int) {
            open = {
                let new = try Subscription(node, buffer)
                readers.add(new)
                return new
            }
        }

        public func next() async throws -> VeilidUpdate? {
            if subscription == nil {
                let new = try open()
                subscription = new
                inner = new.stream.makeAsyncIterator()
            }
            let update = await inner?.next()
            subscription?.room.signal()
            return update
        }

        deinit { subscription?.close() }
    }
}

/// Those who read the updates of a node, so that its end waits for none of them.
final class Readers: @unchecked Sendable {
    private let lock = NSLock()
    private let subscriptions = NSHashTable<Subscription>.weakObjects()
    private var ended = false

    func add(_ new: Subscription) {
        lock.lock()
        subscriptions.add(new)
        let late = ended
        lock.unlock()
        if late { new.finish() } // nobody will say that the node has closed
    }

    func end() {
        lock.lock()
        ended = true
        let all = subscriptions.allObjects
        lock.unlock()
        for s in all { s.letGo() }
    }
}

/// A session whose updates wait in a stream. The library's thread waits for room, which is
/// how a slow reader slows down what others send.
final class Subscription: NSObject, MobileUpdateListenerProtocol, @unchecked Sendable {
    let stream: AsyncStream<VeilidUpdate>
    let room = DispatchSemaphore(value: 0)
    private let continuation: AsyncStream<VeilidUpdate>.Continuation
    private let lock = NSLock()
    private var free = false // nothing waits for room any more
    private var session: MobileSession?

    init(_ node: MobileNode, _ buffer: Int) throws {
        (stream, continuation) = AsyncStream.makeStream(of: VeilidUpdate.self, bufferingPolicy: .unbounded)
        super.init()
        for _ in 0..<max(buffer, 1) { room.signal() }
        session = try wrapped { try node.open(self) }
    }

    func onUpdate(_ message: Data?) throws {
        let update = try VeilidUpdate(Message.decode(message))
        lock.lock()
        let waits = !free
        lock.unlock()
        if waits { room.wait() }
        continuation.yield(update)
        if update == .shutdown { continuation.finish() }
    }

    /// Lets go of a listener that waits for room.
    func letGo() {
        lock.lock()
        free = true
        lock.unlock()
        room.signal()
    }

    /// Is the end of a node that had closed before.
    func finish() {
        continuation.yield(.shutdown)
        continuation.finish()
    }

    /// Ends the session without waiting.
    func close() {
        letGo()
        continuation.finish()
        let session = session
        DispatchQueue.global().async { try? session?.close() }
    }
}

/// Carries requests to the library.
final class Caller: @unchecked Sendable {
    private let session: MobileSession

    init(_ session: MobileSession) { self.session = session }

    func call(_ request: Request) async throws -> Response {
        let message = try request.encode()
        let pending = PendingCall()
        let answer: Data = try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { waiting in
                do {
                    pending.set(try session.begin(message, done: Answer { waiting.resume(returning: $0) }))
                } catch {
                    waiting.resume(throwing: voileError(error))
                }
            }
        } onCancel: {
            pending.cancel()
        }
        do {
            return try Response(request, answer)
        } catch VoileError.timeout where Task.isCancelled {
            throw CancellationError()
        }
    }

    /// Is `call` without waiting for the answer.
    func send(_ request: Request) {
        guard let message = try? request.encode() else { return }
        _ = try? session.begin(message, done: Answer { _ in })
    }
}

/// A call that may be cancelled before it has begun.
private final class PendingCall: @unchecked Sendable {
    private let lock = NSLock()
    private var pending: MobilePending?
    private var cancelled = false

    func set(_ new: MobilePending) {
        lock.lock()
        pending = new
        let late = cancelled
        lock.unlock()
        if late { new.cancel() }
    }

    func cancel() {
        lock.lock()
        cancelled = true
        let begun = pending
        lock.unlock()
        begun?.cancel()
    }
}

private final class Answer: NSObject, MobileAnswerListenerProtocol {
    private let take: (Data) -> Void

    init(_ take: @escaping (Data) -> Void) { self.take = take }

    /// The bytes are lent for the time of the call: they are copied.
    func onAnswer(_ message: Data?) throws { take(Data([UInt8](message ?? Data()))) }
}

/// Runs what may wait where it holds up nobody.
private func background<T: Sendable>(_ f: @escaping @Sendable () -> T) async -> T {
    await Task.detached(priority: .userInitiated) { f() }.value
}

func wrapped<T>(_ f: () throws -> T) throws -> T {
    do {
        return try f()
    } catch let error as VoileError {
        throw error
    } catch {
        throw voileError(error)
    }
}

/// The library's error by its text.
func voileError(_ error: Error?) -> VoileError {
    let text = (error as NSError?)?.localizedDescription ?? "no reason was given"
    guard let e = MobileErrorOf(text) else { return .internalError(message: text) }
    return VoileError(kind: e.code(), message: e.message())
}

extension NodeOptions {
    func native() -> MobileOptions? {
        guard let o = MobileOptions() else { return nil }
        o.directory = directory?.path ?? ""
        o.memoryLimit = memoryLimit
        o.logLevel = logLevel?.rawValue ?? ""
        if let secrets { o.protectedStore = NativeSecrets(secrets) }
        if let network { o.network = NativeNetwork(network) }
        if let onCrash { o.crash = NativeCrash(onCrash) }
        return o
    }
}

private final class NativeSecrets: NSObject, MobileProtectedStoreProtocol {
    private let store: SecretStore

    init(_ store: SecretStore) { self.store = store }

    /// Nothing stands for no value: nil would be an error to Swift.
    func load(_ name: String?) throws -> Data { try store.load(name ?? "") ?? Data() }
    func save(_ name: String?, value: Data?) throws { try store.save(name ?? "", Data([UInt8](value ?? Data()))) }
    func remove(_ name: String?) throws { try store.remove(name ?? "") }
}

private final class NativeNetwork: NSObject, MobileNetworkSourceProtocol {
    private let network: AppleNetwork

    init(_ network: AppleNetwork) { self.network = network }

    func factsJSON(_ error: NSErrorPointer) -> String {
        do {
            return try network.facts()
        } catch let failure {
            error?.pointee = failure as NSError
            return ""
        }
    }
}

private final class NativeCrash: NSObject, MobileCrashListenerProtocol {
    private let tell: @Sendable (String) -> Void

    init(_ tell: @escaping @Sendable (String) -> Void) { self.tell = tell }

    func onCrash(_ report: String?) throws { tell(report ?? "") }
}
