package net.voile

import java.io.File
import java.io.IOException
import java.nio.file.Files
import javax.crypto.KeyGenerator
import javax.crypto.SecretKey
import org.json.JSONObject

fun aesKey(): SecretKey = KeyGenerator.getInstance("AES").apply { init(256) }.generateKey()

fun storeTests(tests: MutableMap<String, suspend () -> Unit>) {
    fun folder(): File = File(Files.createTempDirectory("voile").toFile(), "secrets")

    tests["sealed files: save, load, replace, remove"] = {
        val key = aesKey()
        val dir = folder()
        val store = SealedFiles(dir) { key }
        same(store.load("a"), null)
        store.remove("a")
        for (value in listOf(byteArrayOf(1), ByteArray(70_000) { it.toByte() }, byteArrayOf(0, 0))) {
            store.save("a", value)
            same(SealedFiles(dir) { key }.load("a"), value)
        }
        store.save("name / with ../ ключ", byteArrayOf(9))
        same(dir.parentFile.listFiles()!!.size, 1)
        store.remove("a")
        same(store.load("a"), null)
        same(store.load("name / with ../ ключ"), byteArrayOf(9))
    }
    tests["sealed files: nothing can be changed or exchanged"] = {
        val key = aesKey()
        val dir = folder()
        val store = SealedFiles(dir) { key }
        store.save("a", "a secret".toByteArray())
        val file = dir.listFiles()!!.single()
        val sealed = file.readBytes()
        holds("it is readable", "a secret" !in String(sealed, Charsets.ISO_8859_1))
        for (i in sealed.indices) {
            file.writeBytes(sealed.copyOf().also { it[i] = (it[i].toInt() xor 1).toByte() })
            fails<IOException> { store.load("a") }
        }
        for (n in sealed.indices) {
            file.writeBytes(sealed.copyOf(n))
            fails<IOException> { store.load("a") }
        }
        store.save("b", "other".toByteArray())
        dir.listFiles()!!.first { it != file }.writeBytes(sealed)
        fails<IOException> { store.load("b") }
        file.writeBytes(sealed)
        same(store.load("a"), "a secret".toByteArray())
        fails<IOException> { SealedFiles(dir) { aesKey() }.load("a") }
    }
    tests["the facts of Java are what the library reads"] = {
        val facts = JavaNetwork().facts()
        holds("no loopback in $facts", facts.interfaces.any { it.loopback })
        val text = JSONObject(NetworkState(facts.interfaces, listOf("192.0.2.1")).json())
        same(text.getJSONArray("interfaces").length(), facts.interfaces.size)
        same(text.getJSONArray("dns").getString(0), "192.0.2.1")
    }
}
