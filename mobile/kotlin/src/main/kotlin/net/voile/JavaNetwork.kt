package net.voile

import java.net.NetworkInterface
import java.net.SocketException
import org.json.JSONArray
import org.json.JSONObject

/** The interfaces as Java's [NetworkInterface] has them, which Android allows to apps. */
class JavaNetwork : NetworkFacts {
    override fun facts() = NetworkState(interfaces())

    /** All interfaces; one that goes while it is looked at is left out. */
    fun interfaces(): List<NetworkInterfaceState> =
        NetworkInterface.getNetworkInterfaces()?.toList().orEmpty().mapNotNull { i ->
            try {
                NetworkInterfaceState(
                    name = i.name,
                    index = maxOf(i.index, 0),
                    mtu = maxOf(i.mtu, 0),
                    up = i.isUp,
                    loopback = i.isLoopback,
                    pointToPoint = i.isPointToPoint,
                    multicast = i.supportsMulticast(),
                    addresses = i.interfaceAddresses.filter { it?.address != null }.map {
                        InterfaceAddressState("${it.address.hostAddress.substringBefore('%')}/${it.networkPrefixLength}")
                    },
                )
            } catch (e: SocketException) {
                null
            }
        }
}

/** The text that the library reads. */
internal fun NetworkState.json(): String = JSONObject()
    .put(
        "interfaces",
        JSONArray(
            interfaces.map { i ->
                JSONObject().put("name", i.name).put("index", i.index).put("mtu", i.mtu).put("up", i.up)
                    .put("loopback", i.loopback).put("point_to_point", i.pointToPoint).put("multicast", i.multicast)
                    .put(
                        "addresses",
                        JSONArray(
                            i.addresses.map {
                                JSONObject().put("address", it.address).put("temporary", it.temporary)
                                    .put("deprecated", it.deprecated)
                            },
                        ),
                    )
            },
        ),
    )
    .put("dns", JSONArray(dns))
    .toString()
