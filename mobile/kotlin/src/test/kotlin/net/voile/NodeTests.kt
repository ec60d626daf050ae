package net.voile

import java.io.File
import java.nio.file.Files
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.TimeoutCancellationException
import kotlinx.coroutines.async
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.flow.collect
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.flow.toList
import kotlinx.coroutines.launch
import kotlinx.coroutines.withTimeout
import kotlinx.coroutines.yield

/** The configuration of a node that listens nowhere and knows nobody. */
fun alone(dir: File? = null): VeilidConfig = VoileNode.defaultConfig("alone", dir?.path).apply {
    network.routingTable.bootstrap = emptyList()
    network.routingTable.bootstrapKeys = emptyList()
    network.protocol.udp.enabled = false
    network.protocol.tcp.listen = false
    network.protocol.ws.listen = false
}

suspend fun withNode(options: NodeOptions = NodeOptions(), config: VeilidConfig = alone(), f: suspend (VoileNode) -> Unit) {
    val node = VoileNode.start(config, options)
    try {
        f(node)
    } finally {
        node.stop()
    }
}

fun nodeTests(tests: MutableMap<String, suspend () -> Unit>) {
    tests["a start that fails says why"] = {
        val e = fails<VoileException.ParseError> { VoileNode.start("{", NodeOptions()) }
        holds("no reason in $e", "configuration" in e.message!!)
        fails<VoileException.Generic> { VoileNode.start("{}", NodeOptions()) }
        val locked = object : SecretStore {
            override fun load(name: String): ByteArray? = throw SecretsLocked("switch it on first")

            override fun save(name: String, value: ByteArray) = Unit

            override fun remove(name: String) = Unit
        }
        holds("not told why", "switch it on first" in fails<VoileException.TryAgain> { VoileNode.start(alone(), NodeOptions(secrets = locked)) }.message!!)
        coroutineScope {
            val start = async(Dispatchers.Default, CoroutineStart.UNDISPATCHED) { VoileNode.start(alone(), NodeOptions()).stop() }
            start.cancel()
            fails<CancellationException> { start.await() }
        }
    }
    tests["operations on the node"] = {
        withNode { node ->
            same(node.getState().config.config.programName, "alone")
            same(node.isShutdown(), false)
            holds("no version", node.veilidVersionString() == node.veilidVersion().run { "$major.$minor.$patch" })
            same(node.validCryptoKinds(), listOf(CryptoKind("VLD0")))
            holds("no features", node.veilidFeatures().isNotEmpty())
            holds("time runs", node.nowIncreasing().micros < node.nowIncreasing().micros && node.now().micros > 0u && node.nowNonDecreasing().micros > 0u)
            holds("no help", "nodeinfo" in node.debug("help"))
            holds("no default", "program_name" in node.defaultVeilidConfig())
            holds("no schema", "oneOf" in node.control(listOf("EmitSchema", "Request")))
            fails<VoileException.Generic> { node.detach() }
            node.reportAppLifecycleState(VeilidAppLifecycleState.BACKGROUND)
            node.setForeground(true)
            node.networkChanged()
            node.changeConfig(node.getState().config.config.apply { network.maxConnections = 40u })
            same(node.getState().config.config.network.maxConnections, 40u)
            fails<VoileException.InvalidArgument> { node.changeConfig(alone().apply { programName = "other" }) }
            fails<VoileException.TryAgain> { node.newPrivateRoute() }
            fails<VoileException.TryAgain> { node.newCustomPrivateRoute(PrivateSpec(hopCount = 2u)) }
            fails<VoileException> { node.importRemotePrivateRoute(byteArrayOf(1)) }
            fails<VoileException> { node.releasePrivateRoute(RouteId("VLD0:" + "A".repeat(43))) }
            fails<VoileException.Generic> { node.appCallReply(OperationId(7u), byteArrayOf()) }
            fails<VoileException.Timeout> { node.waitForAttachmentCondition(VeilidStateAttachmentCondition(optPublicInternetReady = true), 1u) }
            holds("no memory", node.status().heapBytes > 0 && node.status().sessions == 1)
        }
    }
    tests["secrets of the app"] = {
        withNode { node ->
            same(node.loadUserSecret("k"), null)
            same(node.saveUserSecret("k", byteArrayOf()), false)
            same(node.loadUserSecret("k"), byteArrayOf())
            same(node.saveUserSecret("k", byteArrayOf(1)), true)
            same(node.listUserSecrets(), listOf("k"))
            same(node.removeUserSecret("k"), true)
            same(node.removeUserSecret("k"), false)
            node.deleteAllUserSecrets()
        }
    }
    tests["every operation of a cryptosystem"] = {
        withNode { node ->
            fails<VoileException.InvalidArgument> { node.getCryptoSystem(CryptoKind("NONE")) }
            val c = node.getCryptoSystem(CryptoKind("VLD0"))
            same(c.kind(), CryptoKind("VLD0"))
            val lengths = listOf(
                c.aeadOverhead(), c.nonceLength(), c.publicKeyLength(), c.secretKeyLength(), c.sharedSecretLength(), c.signatureLength(),
                c.hashDigestLength(), c.defaultSaltLength(), c.encapsulationKeyLength(), c.decapsulationKeyLength(),
            )
            same(lengths, listOf(16u, 24u, 32u, 32u, 32u, 64u, 32u, 16u, 32u, 32u))
            val data = "data".toByteArray()
            val (public, secret) = c.generateKeyPair().halves()
            val (otherPublic, otherSecret) = node.generateKeyPair(CryptoKind("VLD0")).halves()
            val shared = c.computeDh(otherPublic, secret)
            same(c.cachedDh(public, otherSecret), shared)
            same(c.generateSharedSecret(otherPublic, secret, data), c.generateSharedSecret(public, otherSecret, data))
            same(c.validateKeyPair(public, secret), true)
            same(c.validateKeyPair(public, otherSecret), false)
            val signature = c.sign(public, secret, data)
            same(c.verify(public, data, signature), true)
            same(c.verify(otherPublic, data, signature), false)
            val digest = c.generateHash(data)
            same(c.validateHash(data, digest), true)
            c.checkHashDigest(digest)
            c.checkPublicKey(public)
            c.checkSecretKey(secret)
            c.checkSharedSecret(shared)
            c.checkSignature(signature)
            fails<VoileException.Generic> { c.checkPublicKey(PublicKey("NONE:" + public.text.drop(5))) }
            val nonce = c.randomNonce()
            c.checkNonce(nonce)
            val key = c.randomSharedSecret()
            val sealed = c.encryptAead(data, nonce, key, byteArrayOf(1))
            same(sealed.size, data.size + 16)
            same(c.decryptAead(sealed, nonce, key, byteArrayOf(1)), data)
            fails<VoileException.Generic> { c.decryptAead(sealed, nonce, key) }
            same(c.cryptNoAuth(c.cryptNoAuth(data, nonce, key), nonce, key), data)
            same(c.randomBytes(1000u).size, 1000)
            val box = c.hpkeSeal(c.encapsulationKeyFromSigningKey(public), byteArrayOf(2), data)
            same(c.hpkeOpen(c.decapsulationKeyFromSigningSecret(secret), byteArrayOf(2), box), data)
            holds("no key pair", c.generateKemKeyPair().text.startsWith("VLD0:"))
            val password = c.hashPassword(data, ByteArray(16))
            same(c.verifyPassword(data, password), true)
            same(c.deriveSharedSecret(data, ByteArray(16)), c.deriveSharedSecret(data, ByteArray(16)))
            val pairs = listOf(KeyPair("${public.text}:${secret.text.drop(5)}"))
            val signatures = node.generateSignatures(data, pairs)
            same(node.verifySignatures(listOf(public), data, signatures), listOf(public))
            same(node.verifySignatures(listOf(public), byteArrayOf(), signatures), null)
            holds("no member id", node.generateMemberId(public).text.startsWith("VLD0:"))
            holds("no record key", node.getDhtRecordKey(DHTSchema.SMPL(0u, listOf(DHTSchemaSMPLMember(memberOf(node, public), 1u))), public, key).text.count { it == ':' } == 2)
            same(node.objects, 1L)
            c.release()
            same(node.objects, 0L)
            fails<VoileException.InvalidHandle> { c.kind() }
        }
    }
    tests["tables"] = {
        withNode { node ->
            val t = node.openTableDb("t", 2u)
            same(t.getColumnCount(), 2u)
            val key = byteArrayOf(0, -1)
            t.store(1u, key, "v".toByteArray())
            same(t.load(1u, key), "v".toByteArray())
            same(t.load(0u, key), null)
            same(t.getKeys(1u).single(), key)
            val x = t.transact()
            x.store(0u, key, byteArrayOf())
            x.delete(1u, key)
            same(t.load(0u, key), null)
            x.commit()
            same(t.load(0u, key), byteArrayOf())
            same(t.load(1u, key), null)
            t.transact().apply { store(0u, key, byteArrayOf(5)) }.rollback()
            same(t.delete(0u, key), byteArrayOf())
            same(t.delete(0u, key), null)
            fails<VoileException.Generic> { node.deleteTableDb("t") }
            t.close()
            fails<VoileException.InvalidHandle> { while (true) t.getColumnCount() } // close does not wait
            node.renameTableDb("t", "u")
            same(node.deleteTableDb("u"), true)
            same(node.deleteTableDb("u"), false)
        }
    }
    tests["contexts"] = {
        withNode { node ->
            val context = node.newRoutingContext()
            val two = context.withSafety(SafetySelection.Safe(SafetySpec(hopCount = 2u, stability = Stability.LOW_LATENCY, sequencing = Sequencing.ENSURE_ORDERED)))
            same(two.safety(), SafetySelection.Safe(SafetySpec(null, 2u, Stability.LOW_LATENCY, Sequencing.ENSURE_ORDERED)))
            same((context.withSequencing(Sequencing.PREFER_UNORDERED).safety() as SafetySelection.Safe).spec.sequencing, Sequencing.PREFER_UNORDERED)
            context.withDefaultSafety().release()
            fails<VoileException> { context.withSafety(SafetySelection.Unsafe(Sequencing.PREFER_ORDERED)) }
            fails<VoileException> { context.appMessage(Target.Route(RouteId("VLD0:" + "A".repeat(43))), byteArrayOf()) }
            val session = node.openSession()
            session.newRoutingContext()
            same(session.objects, 1L)
            session.close()
            same(session.objects, 0L)
            fails<VoileException.NotInitialized> { session.now() }
        }
    }
    tests["a cancelled operation ends in the library too"] = {
        withNode { node ->
            fails<TimeoutCancellationException> { withTimeout(50) { node.waitForAttachmentCondition() } }
            val session = node.openSession()
            fails<TimeoutCancellationException> { withTimeout(50) { session.waitForAttachmentCondition() } }
            session.close() // waits for what is under way
        }
    }
    tests["updates come in order and end with the node"] = {
        val node = VoileNode.start(alone(), NodeOptions())
        coroutineScope {
            val collecting = CompletableDeferred<Unit>()
            val all = async(Dispatchers.Default, CoroutineStart.UNDISPATCHED) {
                node.updates(1).also { collecting.complete(Unit) }.toList()
            }
            val slow = launch(Dispatchers.Default, CoroutineStart.UNDISPATCHED) {
                node.updates(1).collect { CompletableDeferred<Unit>().await() } // takes one and never the next
            }
            val first = async(Dispatchers.Default, CoroutineStart.UNDISPATCHED) { node.updates().first { it is VeilidStateAttachment } }
            collecting.await()
            while (node.status().sessions < 4) yield()
            node.attach()
            same((first.await() as VeilidStateAttachment).state, AttachmentState.ATTACHING)
            node.detach()
            node.stop()
            slow.cancel()
            val updates = all.await()
            same(updates.last(), VeilidUpdate.Shutdown)
            same(updates.count { it == VeilidUpdate.Shutdown }, 1)
            same(updates.filterIsInstance<VeilidStateAttachment>().first().state, AttachmentState.ATTACHING)
        }
        same(node.updates().toList(), listOf(VeilidUpdate.Shutdown)) // after the end
        fails<VoileException.NotInitialized> { node.now() }
        node.stop()
    }
    tests["the log comes as updates"] = {
        withNode(NodeOptions(logLevel = VeilidLogLevel.TRACE)) { node ->
            coroutineScope {
                val log = async(Dispatchers.Default, CoroutineStart.UNDISPATCHED) { node.updates().first { it is VeilidLog } }
                while (node.status().sessions < 2) yield()
                node.attach()
                holds("no text in ${log.await()}", (log.await() as VeilidLog).message.isNotEmpty())
            }
        }
    }
    tests["data outlive the node under secrets in files"] = {
        val dir = Files.createTempDirectory("voile").toFile()
        val key = aesKey()
        val options = NodeOptions(dir.path, SealedFiles(File(dir, "secrets")) { key }, JavaNetwork(), memoryLimit = 64L shl 20)
        withNode(options, alone(dir)) { it.openTableDb("t", 1u).store(0u, byteArrayOf(1), byteArrayOf(2)) }
        withNode(options, alone(dir)) { node ->
            same(node.openTableDb("t", 1u).load(0u, byteArrayOf(1)), byteArrayOf(2))
            fails<VoileException.AlreadyInitialized> { VoileNode.start(alone(dir), options) }
        }
    }
}

/** The two keys of a pair, whose text is kind, public key and secret key. */
fun KeyPair.halves(): Pair<PublicKey, SecretKey> {
    val (kind, public, secret) = text.split(":")
    return Pair(PublicKey("$kind:$public"), SecretKey("$kind:$secret"))
}

suspend fun memberOf(node: VoileNode, key: PublicKey): ByteArray =
    java.util.Base64.getUrlDecoder().decode(node.generateMemberId(key).text.drop(5))
