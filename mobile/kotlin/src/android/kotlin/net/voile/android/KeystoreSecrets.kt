package net.voile.android

import android.content.Context
import android.os.UserManager
import android.security.keystore.KeyGenParameterSpec
import android.security.keystore.KeyProperties
import android.security.keystore.UserNotAuthenticatedException
import java.io.File
import java.security.KeyStore
import javax.crypto.KeyGenerator
import javax.crypto.SecretKey
import net.voile.SealedFiles
import net.voile.SecretStore
import net.voile.SecretsLocked

/**
 * The secrets of a node under a key that never leaves the device's Keystore: files that are
 * encrypted with it (AES-GCM), where backups do not look. They are readable once the user has
 * unlocked the device after it was switched on, also in the background later; before that
 * the start of the node fails with TryAgain.
 *
 * @param context any context of the app
 * @param name tells several nodes of an app apart: letters, digits, "_" and "-"
 */
class KeystoreSecrets(context: Context, name: String = "voile") : SecretStore {
    private val app: Context = context.applicationContext
    private val alias = "net.voile.$name"
    private val files by lazy { SealedFiles(File(app.noBackupFilesDir, "voile_secrets_$name"), ::key) }

    init {
        require(name.isNotEmpty() && name.all { it.isLetterOrDigit() || it == '_' || it == '-' }) { "name is \"$name\"" }
    }

    override fun load(name: String): ByteArray? = unlocked { files.load(name) }

    override fun save(name: String, value: ByteArray) = unlocked { files.save(name, value) }

    override fun remove(name: String) = unlocked { files.remove(name) }

    private inline fun <T> unlocked(f: () -> T): T {
        val users = app.getSystemService(UserManager::class.java)
        if (users?.isUserUnlocked == false) throw SecretsLocked("the device was not unlocked since it was switched on")
        return try {
            f()
        } catch (e: UserNotAuthenticatedException) {
            throw SecretsLocked("the key needs the user: ${e.message}", e)
        }
    }

    /** The key, made at the first use. A lost one is not replaced: what it sealed would be lost in silence. */
    private fun key(): SecretKey {
        val keystore = KeyStore.getInstance(PROVIDER).apply { load(null) }
        (keystore.getKey(alias, null) as SecretKey?)?.let { return it }
        val files = File(app.noBackupFilesDir, "voile_secrets_" + alias.removePrefix("net.voile.")).list()
        check(files.isNullOrEmpty()) { "the Keystore has lost the key of the secrets that are kept here" }
        val spec = KeyGenParameterSpec.Builder(alias, KeyProperties.PURPOSE_ENCRYPT or KeyProperties.PURPOSE_DECRYPT)
            .setBlockModes(KeyProperties.BLOCK_MODE_GCM)
            .setEncryptionPaddings(KeyProperties.ENCRYPTION_PADDING_NONE)
            .setKeySize(KEY_BITS)
            .build()
        return KeyGenerator.getInstance(KeyProperties.KEY_ALGORITHM_AES, PROVIDER).apply { init(spec) }.generateKey()
    }

    private companion object {
        const val PROVIDER = "AndroidKeyStore"
        const val KEY_BITS = 256
    }
}
