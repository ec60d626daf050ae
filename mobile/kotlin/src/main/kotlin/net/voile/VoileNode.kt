package net.voile

import java.util.concurrent.ConcurrentHashMap
import java.util.concurrent.Semaphore
import java.util.concurrent.atomic.AtomicBoolean
import kotlin.coroutines.resume
import kotlin.coroutines.resumeWithException
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.NonCancellable
import kotlinx.coroutines.awaitCancellation
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.ensureActive
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.flow
import kotlinx.coroutines.launch
import kotlinx.coroutines.suspendCancellableCoroutine
import kotlinx.coroutines.withContext
import net.voile.mobile.AnswerListener
import net.voile.mobile.Cancellation
import net.voile.mobile.CrashListener
import net.voile.mobile.Mobile
import net.voile.mobile.NetworkSource
import net.voile.mobile.Options
import net.voile.mobile.ProtectedStore
import net.voile.mobile.UpdateListener
import org.json.JSONObject

/**
 * A node: an identity, its peers and routes, and the connection to a network. Made by
 * [start]; ends with [stop]. Its operations are those of [NodeOperations] and of the objects
 * that these give. Methods may be called from any thread.
 *
 * ```
 * val node = VoileNode.start(config, NodeOptions(directory, secrets, network))
 * scope.launch { node.updates().collect { … } }
 * node.attach()
 * ```
 */
class VoileNode private constructor(private val node: net.voile.mobile.Node) : NodeOperations(), AutoCloseable {
    private val session = node.open(null)
    private val closed = AtomicBoolean()
    private val rooms = ConcurrentHashMap.newKeySet<Semaphore>() // of those who collect
    override val caller: Caller = SessionCaller(session)

    /**
     * What the node tells, from the moment of collecting on, until it closes: the last update
     * is [VeilidUpdate.Shutdown]. Each collector gets all updates. One that is slow holds up
     * what others send to this node, and loses some of it after two seconds.
     *
     * @param buffer how many updates may wait for the collector
     */
    fun updates(buffer: Int = 64): Flow<VeilidUpdate> = flow {
        // The listener waits for room on a thread of the library; what it has handed over
        // waits in the channel.
        val room = Semaphore(buffer)
        val waiting = Channel<VeilidUpdate>(Channel.UNLIMITED)
        rooms.add(room)
        val session = wrapped {
            node.open(
                UpdateListener { message ->
                    val update = VeilidUpdate.read(Message.decode(message))
                    room.acquire()
                    waiting.trySend(update)
                },
            )
        }
        if (closed.get()) waiting.trySend(VeilidUpdate.Shutdown) // nobody will say it
        try {
            for (update in waiting) {
                room.release()
                emit(update)
                if (update === VeilidUpdate.Shutdown) break
            }
        } finally {
            rooms.remove(room)
            room.release(MUCH_ROOM)
            withContext(NonCancellable + Dispatchers.IO) { session.close() }
        }
    }

    /** A user of the node with handles of its own, which end with it. */
    fun openSession(): VoileSession = VoileSession(wrapped { node.open(null) })

    /** Tells that interfaces or connectivity have changed. It does not block. */
    fun networkChanged() = node.networkChanged()

    /**
     * Tells where the app is. In the background the node does its periodic work more rarely,
     * which saves the battery; back in front it looks at its network at once.
     */
    fun setForeground(on: Boolean) = node.setForeground(on)

    /** What the node takes of the device now. */
    fun status(): NodeStatus {
        val o = JSONObject(wrapped { node.statusJSON() })
        return NodeStatus(o.getLong("heap_bytes"), o.getLong("runtime_bytes"), o.getInt("goroutines"), o.getInt("sessions"))
    }

    /** Handles that this object's own operations have made and not released. */
    val objects: Long get() = session.objects()

    /** Ends the node and waits, a few seconds at most. It may be called twice. */
    suspend fun stop() = withContext(NonCancellable + Dispatchers.IO) { close() }

    /** Is [stop] on the thread that calls it, which must be one that may wait. */
    override fun close() {
        if (!closed.compareAndSet(false, true)) return
        for (room in rooms) room.release(MUCH_ROOM) // the last update waits for no collector
        wrapped { node.close() }
    }

    companion object {
        private const val MUCH_ROOM = 1 shl 28

        /**
         * Starts a node, which takes up to a second or two. Several nodes may run, each with a
         * program name or namespace of its own. Cancelling ends the start.
         *
         * Fails with ParseError or Generic for the configuration, AlreadyInitialized for a
         * second node on the same folders, TryAgain while the secrets are locked, Internal for
         * a store that is broken.
         */
        suspend fun start(config: VeilidConfig, options: NodeOptions): VoileNode = start(config.write().toString(), options)

        /** Is [start] with a configuration in JSON, which may leave out what is as in [defaultConfig]. */
        suspend fun start(config: String, options: NodeOptions): VoileNode = coroutineScope {
            val cancellation = Cancellation()
            val watcher = launch(start = CoroutineStart.UNDISPATCHED) {
                try {
                    awaitCancellation()
                } finally {
                    cancellation.cancel()
                }
            }
            val node = try {
                withContext(NonCancellable + Dispatchers.IO) {
                    wrapped { VoileNode(Mobile.start(config, options.native(), cancellation)) }
                }
            } catch (e: VoileException) {
                ensureActive() // one that was cancelled says so
                throw e
            } finally {
                watcher.cancel()
            }
            try {
                ensureActive()
            } catch (e: kotlinx.coroutines.CancellationException) {
                node.stop()
                throw e
            }
            node
        }

        /** The configuration of an app in a folder (see [NodeOptions.directory]). Change what differs. */
        fun defaultConfig(programName: String, directory: String? = null): VeilidConfig {
            val text = wrapped { Mobile.defaultConfig(directory ?: "") }
            val config = VeilidConfig.read(Json(JSONObject(text), emptyList(), "configuration"))
            config.programName = programName
            return config
        }
    }
}

/** A user of a node with handles of its own. */
class VoileSession internal constructor(private val session: net.voile.mobile.Session) : NodeOperations(), AutoCloseable {
    override val caller: Caller = SessionCaller(session)

    /** Handles that were made and not released. */
    val objects: Long get() = session.objects()

    /** Ends the operations under way and releases the handles. It may wait. */
    override fun close() = wrapped { session.close() }
}

/**
 * What a node takes of the device.
 *
 * @property heapBytes in use
 * @property runtimeBytes all that the library has from the system
 */
data class NodeStatus(val heapBytes: Long, val runtimeBytes: Long, val goroutines: Int, val sessions: Int)

internal class SessionCaller(private val session: net.voile.mobile.Session) : Caller {
    override suspend fun call(request: Request): Response {
        val message = request.encode()
        val answer = suspendCancellableCoroutine { waiting ->
            val pending = try {
                session.begin(message, AnswerListener { waiting.resume(it) })
            } catch (e: Exception) {
                waiting.resumeWithException(exceptionOf(e))
                return@suspendCancellableCoroutine
            }
            waiting.invokeOnCancellation { pending.cancel() }
        }
        return Response.read(request, answer)
    }

    override fun send(request: Request) {
        session.begin(request.encode(), AnswerListener { })
    }
}

/** Runs what the library does and makes its errors ours. */
internal inline fun <T> wrapped(f: () -> T): T = try {
    f()
} catch (e: VoileException) {
    throw e
} catch (e: Exception) {
    throw exceptionOf(e)
}

internal fun exceptionOf(e: Exception): VoileException {
    val error = Mobile.errorOf(e.message ?: "")
    return VoileException.thrown(error.code(), error.message(), e)
}

private fun NodeOptions.native(): Options {
    val o = Options()
    o.directory = directory ?: ""
    o.memoryLimit = memoryLimit
    o.logLevel = logLevel?.wire ?: ""
    secrets?.let { o.protectedStore = NativeSecrets(it) }
    network?.let { n -> o.network = NetworkSource { n.facts().json() } }
    onCrash?.let { tell -> o.crash = CrashListener { tell(it) } }
    return o
}

private class NativeSecrets(private val store: SecretStore) : ProtectedStore {
    override fun load(name: String): ByteArray? = store.load(name)

    override fun save(name: String, value: ByteArray) = store.save(name, value)

    override fun remove(name: String) = store.remove(name)
}
