package net.voile

import java.io.File
import java.io.FileOutputStream
import java.io.IOException
import java.nio.ByteBuffer
import java.security.GeneralSecurityException
import java.security.MessageDigest
import java.security.ProviderException
import javax.crypto.Cipher
import javax.crypto.SecretKey
import javax.crypto.spec.GCMParameterSpec

/**
 * A [SecretStore] of files that are encrypted under a key of the device (AES-GCM): one file
 * for each name, written whole or not at all. The name is bound to its value, so that files
 * cannot be exchanged for each other.
 *
 * @param directory is made if it is not there; it belongs where backups do not look, since a
 *   copy on another device cannot be read
 * @param key gives the key, which may be one that stays in the device's hardware; it is asked
 *   for each value
 */
class SealedFiles(private val directory: File, private val key: () -> SecretKey) : SecretStore {
    override fun load(name: String): ByteArray? {
        val file = fileOf(name)
        if (!file.exists()) return null
        val sealed = file.readBytes()
        if (sealed.size < 2 || sealed[0] != FORM || sealed[1] !in NONCE_BYTES || sealed.size < 2 + sealed[1] + TAG_BITS / 8) {
            throw IOException("${file.name} is no sealed secret")
        }
        val nonce = sealed.copyOfRange(2, 2 + sealed[1])
        val cipher = Cipher.getInstance(CIPHER)
        try {
            cipher.init(Cipher.DECRYPT_MODE, key(), GCMParameterSpec(TAG_BITS, nonce))
            cipher.updateAAD(name.toByteArray())
            return cipher.doFinal(sealed, 2 + nonce.size, sealed.size - 2 - nonce.size)
        } catch (e: GeneralSecurityException) {
            throw unreadable(file, e)
        } catch (e: ProviderException) { // what hardware says
            throw unreadable(file, e)
        }
    }

    override fun save(name: String, value: ByteArray) {
        val cipher = Cipher.getInstance(CIPHER)
        cipher.init(Cipher.ENCRYPT_MODE, key()) // which makes the nonce
        cipher.updateAAD(name.toByteArray())
        val nonce = cipher.iv
        val sealed = cipher.doFinal(value)
        if (!directory.isDirectory && !directory.mkdirs() && !directory.isDirectory) throw IOException("$directory cannot be made")
        val file = fileOf(name)
        val next = File(directory, file.name + ".new")
        FileOutputStream(next).use {
            it.write(ByteBuffer.allocate(2 + nonce.size + sealed.size).put(FORM).put(nonce.size.toByte()).put(nonce).put(sealed).array())
            it.fd.sync()
        }
        if (!next.renameTo(file)) throw IOException("$file cannot be replaced")
    }

    override fun remove(name: String) {
        val file = fileOf(name)
        if (file.exists() && !file.delete()) throw IOException("$file cannot be removed")
    }

    private fun unreadable(file: File, e: Exception) =
        IOException("${file.name} cannot be decrypted: changed, or of another device: ${e.message}", e)

    private fun fileOf(name: String): File =
        File(directory, "secret_" + base64(MessageDigest.getInstance("SHA-256").digest(name.toByteArray())))

    private companion object {
        const val CIPHER = "AES/GCM/NoPadding"
        const val TAG_BITS = 128
        const val FORM: Byte = 1
        val NONCE_BYTES = 12..32
    }
}
