package net.voile

import java.math.BigInteger
import java.nio.ByteBuffer
import java.util.Base64
import org.json.JSONArray
import org.json.JSONException
import org.json.JSONObject

/*
 * How requests, answers and updates cross: a line of JSON with the bytes that it refers
 * to as "#0", "#1", … behind it, each part with its length in front (4 bytes, big endian).
 */

internal fun malformed(what: String, cause: Throwable? = null) = VoileException.Internal("the library gave no $what", cause)

/** A value of JSON that came from the library, with the bytes beside it. */
internal class Json(private val value: Any?, private val parts: List<ByteArray>, private val at: String) {
    private val isNull get() = value == null || value === JSONObject.NULL

    private fun wrong(expected: String) = malformed("$expected at $at")

    fun field(name: String): Json {
        val o = value as? JSONObject ?: throw wrong("object")
        return Json(o.opt(name), parts, "$at.$name")
    }

    fun has(name: String): Boolean = (value as? JSONObject)?.has(name) == true

    fun text(): String = value as? String ?: throw wrong("text")

    fun textOrEmpty(): String = value as? String ?: ""

    fun bool(): Boolean = value as? Boolean ?: throw wrong("truth value")

    fun uint(): UInt {
        val n = (value as? Number ?: throw wrong("number")).toLong()
        if (n !in 0..UInt.MAX_VALUE.toLong()) throw wrong("number of 32 bits")
        return n.toUInt()
    }

    /** A number of 64 bits, which is a text in JSON. */
    fun ulong(): ULong = text().toULongOrNull() ?: throw wrong("decimal number")

    /** The bytes that a text refers to, or that it is in base64url. */
    fun bytes(): ByteArray {
        val text = text()
        if (!text.startsWith("#")) {
            return try {
                Base64.getUrlDecoder().decode(text)
            } catch (e: IllegalArgumentException) {
                throw wrong("base64url")
            }
        }
        return text.drop(1).toIntOrNull()?.let { parts.getOrNull(it) } ?: throw wrong("reference to bytes")
    }

    fun <T> list(read: (Json) -> T): List<T> {
        val a = value as? JSONArray ?: throw wrong("list")
        return List(a.length()) { read(Json(a.opt(it), parts, "$at[$it]")) }
    }

    fun ranges(): List<UIntRange> = list { pair ->
        val (low, high) = pair.list { it.uint() }.takeIf { it.size == 2 } ?: throw wrong("pair of subkeys")
        low..high
    }

    fun raw(): String = value.toString()

    fun <T : Any> orNull(read: (Json) -> T): T? = if (isNull) null else read(this)

    fun <T> oneOf(values: List<T>, name: (T) -> String): T {
        val text = text()
        return values.firstOrNull { name(it) == text } ?: throw wrong("known name, but \"$text\",")
    }
}

/** The bytes of a request, and an answer or update read from its bytes. */
internal object Message {
    fun encode(line: String, parts: List<ByteArray>): ByteArray {
        val text = line.toByteArray()
        val size = parts.fold(4L + text.size) { sum, p -> sum + 4 + p.size }
        if (size > MAX_SIZE) throw VoileException.InvalidArgument("request", "bytes", "$size, at most $MAX_SIZE")
        val b = ByteBuffer.allocate(size.toInt())
        b.putInt(text.size).put(text)
        for (p in parts) b.putInt(p.size).put(p)
        return b.array()
    }

    fun decode(message: ByteArray): Json {
        val b = ByteBuffer.wrap(message)
        val parts = ArrayList<ByteArray>()
        while (b.hasRemaining()) {
            val n = if (b.remaining() >= 4) b.getInt() else -1
            if (n < 0 || n > b.remaining()) throw malformed("whole message")
            parts.add(ByteArray(n).also { b.get(it) })
        }
        if (parts.isEmpty()) throw malformed("message")
        try {
            return Json(JSONObject(String(parts[0])), parts.subList(1, parts.size), "answer")
        } catch (e: JSONException) {
            throw malformed("JSON", e)
        }
    }

    private const val MAX_SIZE = 129L shl 20
}

/** A request that is being put together. */
internal class Request(op: String) {
    private val json = JSONObject().put("op", op)
    private val parts = ArrayList<ByteArray>()

    constructor(family: String, idField: String, id: UInt, opField: String, operation: String) : this(family) {
        json.put(idField, id.toLong()).put(opField, operation)
        this.opField = opField
    }

    /** The field that names the operation on an object; null: it is on none. */
    var opField: String? = null
        private set

    /** A parameter; null leaves it out. */
    fun put(name: String, value: Any?): Request = apply { json.put(name, value) }

    /** Bytes of the app, which go beside the line; null leaves them out. */
    fun bytes(name: String, value: ByteArray?): Request = apply {
        if (value != null) {
            json.put(name, "#${parts.size}")
            parts.add(value)
        }
    }

    fun encode(): ByteArray = Message.encode(json.toString(), parts)
}

/** The answer to a request that has succeeded. */
internal class Response(val root: Json) {
    val value: Json get() = root.field("value")

    companion object {
        fun read(request: Request, message: ByteArray): Response {
            val root = Message.decode(message)
            if (root.has("error")) throw VoileException.read(root.field("error"))
            val opField = request.opField
            if (opField != null && root.field(opField).text() == "InvalidId") {
                throw VoileException.InvalidHandle("the object was released")
            }
            return Response(root)
        }
    }
}

/** Who carries requests to the library. */
internal interface Caller {
    suspend fun call(request: Request): Response

    /** Is [call] without waiting for the answer. */
    fun send(request: Request)
}

internal fun base64(bytes: ByteArray): String = Base64.getUrlEncoder().withoutPadding().encodeToString(bytes)

internal fun ranges(list: List<UIntRange>): JSONArray =
    JSONArray(list.map { JSONArray(listOf(it.first.toLong(), it.last.toLong())) })

internal fun raw(text: String): JSONObject = JSONObject(text)

internal fun number(n: ULong): Any = if (n <= Long.MAX_VALUE.toULong()) n.toLong() else BigInteger(n.toString())
