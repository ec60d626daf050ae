package net.voile

/**
 * Keeps a few small secrets where the device keeps its own. On Android it is
 * `net.voile.android.KeystoreSecrets`. One call comes at a time, from any thread; it may
 * block. What it throws fails the operation of the node that needed the secret.
 */
interface SecretStore {
    /** The value of a name; null: it has none. Throws [SecretsLocked] before the first unlock. */
    fun load(name: String): ByteArray?

    /** Replaces what was there; when it returns, a crash loses nothing. A value is 1 to 65537 bytes. */
    fun save(name: String, value: ByteArray)

    /** Forgets a name; one without a value is no error. */
    fun remove(name: String)
}

/** The secrets cannot be read now: the device was not unlocked since it was switched on. */
class SecretsLocked(message: String, cause: Throwable? = null) : Exception("Locked: $message", cause)

/**
 * Tells of the device's network. On Android, which denies it to the library, it is
 * `net.voile.android.AndroidNetwork`; elsewhere the library asks the system.
 */
interface NetworkFacts {
    /** The facts now. It may block, and is called from any thread, one call at a time. */
    fun facts(): NetworkState
}

/**
 * The facts of a network.
 *
 * @property interfaces all interfaces of the device
 * @property dns the name servers to ask, as addresses, in their order
 */
data class NetworkState(val interfaces: List<NetworkInterfaceState>, val dns: List<String> = emptyList())

/**
 * One interface.
 *
 * @property mtu bytes; 0: unknown
 * @property index of the system; 0: unknown
 */
data class NetworkInterfaceState(
    val name: String,
    val index: Int = 0,
    val mtu: Int = 0,
    val up: Boolean = true,
    val loopback: Boolean = false,
    val pointToPoint: Boolean = false,
    val multicast: Boolean = false,
    val addresses: List<InterfaceAddressState> = emptyList(),
)

/**
 * One address of an interface.
 *
 * @property address with the length of its network, such as `192.168.1.7/24`
 * @property temporary an IPv6 privacy address
 * @property deprecated an IPv6 address not to be used for what is new
 */
data class InterfaceAddressState(val address: String, val temporary: Boolean = false, val deprecated: Boolean = false)

/**
 * What an app gives to its node.
 *
 * @property directory a folder of the app for the node's data, which belongs where backups
 *   do not look, since the data cannot be read elsewhere; null: nothing is kept
 * @property secrets the device's store of secrets; null: a file, which the configuration
 *   must allow
 * @property network tells of the network; null: the system is asked, which fails on Android
 * @property memoryLimit bytes that the process may take, as far as the node can keep to it;
 *   0: no limit
 * @property logLevel makes [VeilidLog] updates of that level and above; null: none
 * @property onCrash is told of a bug of the library, once, with the stacks of Go: the node
 *   closes itself. It must not call the node
 */
class NodeOptions(
    val directory: String? = null,
    val secrets: SecretStore? = null,
    val network: NetworkFacts? = null,
    val memoryLimit: Long = 0,
    val logLevel: VeilidLogLevel? = null,
    val onCrash: ((report: String) -> Unit)? = null,
)
