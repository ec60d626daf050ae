package net.voile.android

import android.content.Context
import android.net.ConnectivityManager
import android.net.LinkProperties
import android.net.Network
import android.net.NetworkCapabilities
import net.voile.InterfaceAddressState
import net.voile.JavaNetwork
import net.voile.NetworkFacts
import net.voile.NetworkState
import net.voile.VoileNode

/**
 * Tells a node of Android's network: its interfaces, its name servers, and that they have
 * changed. The app needs the permissions INTERNET and ACCESS_NETWORK_STATE.
 *
 * @param context any context of the app
 */
class AndroidNetwork(context: Context) : NetworkFacts, AutoCloseable {
    private val manager = context.applicationContext.getSystemService(ConnectivityManager::class.java)
    private val java = JavaNetwork()
    private var callback: ConnectivityManager.NetworkCallback? = null

    override fun facts(): NetworkState {
        val link = manager.activeNetwork?.let { manager.getLinkProperties(it) }
        val flags = link?.linkAddresses.orEmpty().associate { it.address.hostAddress?.substringBefore('%') to it.flags }
        val interfaces = java.interfaces().map { i ->
            i.copy(
                addresses = i.addresses.map { a ->
                    val f = flags[a.address.substringBefore('/')] ?: 0
                    InterfaceAddressState(a.address, temporary = f and TEMPORARY != 0, deprecated = f and DEPRECATED != 0)
                },
            )
        }
        return NetworkState(interfaces, link?.dnsServers.orEmpty().mapNotNull { it.hostAddress })
    }

    /** Tells [node] of each change, until [close]. */
    @Synchronized
    fun watch(node: VoileNode) {
        close()
        val tell = object : ConnectivityManager.NetworkCallback() {
            override fun onAvailable(network: Network) = node.networkChanged()

            override fun onLost(network: Network) = node.networkChanged()

            override fun onLinkPropertiesChanged(network: Network, linkProperties: LinkProperties) = node.networkChanged()

            override fun onCapabilitiesChanged(network: Network, networkCapabilities: NetworkCapabilities) = node.networkChanged()
        }
        manager.registerDefaultNetworkCallback(tell)
        callback = tell
    }

    /** Ends [watch]. It may be called twice. */
    @Synchronized
    override fun close() {
        callback?.let { manager.unregisterNetworkCallback(it) }
        callback = null
    }

    private companion object {
        // IFA_F_TEMPORARY and IFA_F_DEPRECATED of Linux.
        const val TEMPORARY = 0x01
        const val DEPRECATED = 0x20
    }
}
