package net.voile

import java.nio.file.Files
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.delay
import kotlinx.coroutines.flow.collect
import kotlinx.coroutines.launch
import kotlinx.coroutines.yield
import net.voile.test.Network

/** Tries again what is not possible yet. */
suspend fun <T> insist(f: suspend () -> T): T {
    repeat(40) {
        try {
            return f()
        } catch (e: VoileException.TryAgain) {
            delay(250)
        }
    }
    return f()
}

private val ready = VeilidStateAttachmentCondition(optPublicInternetReady = true)

/** A node of the network that is ready, and what it is told. */
private class Peer(val node: VoileNode, val updates: Channel<VeilidUpdate>, scope: CoroutineScope) {
    val collecting = scope.launch(Dispatchers.Default, CoroutineStart.UNDISPATCHED) { node.updates().collect { updates.send(it) } }

    suspend fun join() {
        while (node.status().sessions < 2) yield()
        node.attach()
        node.waitForAttachmentCondition(ready, 60_000u)
    }

    suspend inline fun <reified U : VeilidUpdate> next(): U {
        for (u in updates) if (u is U) return u
        throw AssertionError("no update")
    }

    suspend fun end() {
        node.stop()
        collecting.cancelAndJoin()
    }
}

fun networkTests(tests: MutableMap<String, suspend () -> Unit>) {
    tests["two apps: calls, messages, records, watches, transactions"] = {
        Network(6).use { network ->
            coroutineScope {
                val dir = Files.createTempDirectory("voile").toFile()
                val key = aesKey()
                val options = NodeOptions(dir.path, SealedFiles(dir.resolve("secrets")) { key }, JavaNetwork())
                val alice = Peer(VoileNode.start(network.config("alice"), options), Channel(Channel.UNLIMITED), this)
                val bob = Peer(VoileNode.start(network.config("bob"), NodeOptions()), Channel(Channel.UNLIMITED), this)
                alice.join()
                bob.join()

                // Calls and messages through a private route.
                val route = insist { alice.node.newPrivateRoute() }
                val to = Target.Route(bob.node.importRemotePrivateRoute(route.blob))
                val context = bob.node.newRoutingContext()
                val answer = async { insist { context.appCall(to, byteArrayOf(0, -1)) } }
                val call = alice.next<VeilidAppCall>()
                same(call.message, byteArrayOf(0, -1))
                same(call.routeId, route.routeId)
                alice.node.appCallReply(call.callId, "yes".toByteArray())
                same(answer.await(), "yes".toByteArray())
                context.appMessage(to, byteArrayOf())
                same(alice.next<VeilidAppMessage>().message, byteArrayOf())
                val custom = insist { bob.node.newCustomPrivateRoute(PrivateSpec(stability = Stability.RELIABLE, sequencing = Sequencing.ENSURE_ORDERED)) }
                bob.node.releasePrivateRoute(custom.routeId)
                same(bob.next<VeilidRouteChange>().deadRoutes, listOf(custom.routeId))

                // A record that one writes and the other reads, with a watch.
                val own = alice.node.newRoutingContext()
                val record = own.createDhtRecord(CryptoKind("VLD0"), DHTSchema.DFLT(3u))
                same(record.schema, DHTSchema.DFLT(3u))
                same(insist { own.setDhtValue(record.key, 0u, "one".toByteArray(), SetDHTValueOptions(allowOffline = false)) }, null)
                same(own.flushDhtRecord(record.key, 60_000u), true)
                same(insist { context.openDhtRecord(record.key) }.owner, record.owner)
                val value = insist { context.getDhtValue(record.key, 0u, forceRefresh = true) }!!
                same(value, ValueData(0u, "one".toByteArray(), record.owner))
                same(context.getDhtValue(record.key, 2u), null)
                same(context.watchDhtValues(record.key, listOf(0u..1u)), true)
                val changed = CompletableDeferred<VeilidValueChange>()
                val watching = launch {
                    while (true) {
                        val change = bob.next<VeilidValueChange>()
                        if (change.value?.data?.contentEquals("two".toByteArray()) == true) {
                            changed.complete(change)
                            break
                        }
                    }
                }
                while (!changed.isCompleted) { // the watch is set in the background
                    insist { own.setDhtValue(record.key, 1u, "two".toByteArray()) }
                    delay(500)
                }
                same(changed.await().subkeys, listOf(1u..1u))
                watching.cancelAndJoin()
                same(context.cancelDhtWatch(record.key), false)
                val report = insist { own.inspectDhtRecord(record.key, scope = DHTReportScope.SYNC_GET) }
                same(report.subkeys, listOf(0u..2u))
                same(report.localSeqs.size to report.localSeqs.last(), 3 to null)

                // A transaction over two records.
                val second = own.createDhtRecord(CryptoKind("VLD0"), DHTSchema.DFLT(1u))
                same(own.flushDhtRecord(record.key, 60_000u), true)
                val transaction = insist { alice.node.transactDhtRecords(listOf(record.key)) }
                insist { transaction.extend(listOf(second.key)) }
                same(transaction.get(record.key, 0u)!!.data, "one".toByteArray())
                same(transaction.set(record.key, 0u, "three".toByteArray()), null)
                same(transaction.set(second.key, 0u, "four".toByteArray(), DHTTransactionSetValueOptions(writer = null)), null)
                same(transaction.inspect(record.key).subkeys, listOf(0u..2u))
                transaction.commit()
                same(insist { context.getDhtValue(record.key, 0u, forceRefresh = true) }!!.data, "three".toByteArray())
                insist { alice.node.transactDhtRecords(listOf(second.key)) }.rollback()
                insist { alice.node.transactDhtRecords(listOf(second.key)) }.release()
                own.closeDhtRecord(second.key)
                own.deleteDhtRecord(second.key)
                fails<VoileException.InvalidArgument> { own.getDhtValue(second.key, 0u) }
                own.close()

                bob.end()
                alice.end()
                same(alice.node.isShutdownOrGone(), true)
            }
        }
    }
}

private suspend fun VoileNode.isShutdownOrGone(): Boolean = try {
    isShutdown()
} catch (e: VoileException.NotInitialized) {
    true
}
