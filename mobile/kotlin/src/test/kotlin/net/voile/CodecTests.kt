package net.voile

import org.json.JSONObject

fun codecTests(tests: MutableMap<String, suspend () -> Unit>) {
    fun json(text: String, vararg parts: ByteArray) = Json(JSONObject(text), parts.toList(), "test")

    tests["codec: values"] = {
        val v = json("""{"n":4294967295,"d":"18446744073709551615","b":"AP8","p":"#1","l":[1,2],"r":[[0,3],[9,9]],"z":null}""", byteArrayOf(), byteArrayOf(7))
        same(v.field("n").uint(), UInt.MAX_VALUE)
        same(v.field("d").ulong(), ULong.MAX_VALUE)
        same(v.field("b").bytes(), byteArrayOf(0, -1))
        same(v.field("p").bytes(), byteArrayOf(7))
        same(v.field("l").list { it.uint() }, listOf(1u, 2u))
        same(v.field("r").ranges(), listOf(0u..3u, 9u..9u))
        same(v.field("z").orNull { it.text() }, null)
        same(v.field("absent").orNull { it.text() }, null)
    }
    tests["codec: what does not fit is an error"] = {
        val v = json("""{"n":-1,"big":4294967296,"t":"x","p":"#1","r":[[1]],"k":{"kind":"New"}}""", byteArrayOf())
        for (read in listOf<() -> Any?>(
            { v.field("n").uint() }, { v.field("big").uint() }, { v.field("t").uint() }, { v.field("t").ulong() }, { v.field("n").text() },
            { v.field("p").bytes() }, { v.field("t").list { it } }, { v.field("r").ranges() }, { v.field("t").field("x") }, { v.field("t").bool() },
            { v.field("absent").text() }, { AttachmentState.read(v.field("t")) }, { VeilidUpdate.read(v.field("k")) }, { DHTSchema.read(v.field("k")) },
        )) {
            fails<VoileException.Internal> { read() }
        }
    }
    tests["codec: messages"] = {
        val message = Message.encode("""{"a":"ä"}""", listOf(byteArrayOf(), byteArrayOf(1, 2)))
        val whole = Message.decode(message)
        same(whole.field("a").text(), "ä")
        for (n in message.indices) {
            val cut = message.copyOf(n)
            if (n == 14 || n == 18) continue // a part ends here
            fails<VoileException.Internal> { Message.decode(cut) }
        }
        fails<VoileException.Internal> { Message.decode(Message.encode("no json", emptyList())) }
    }
    tests["codec: every kind of error"] = {
        for (code in ErrorCode.entries.filter { it.code in 1..15 }) {
            val e = VoileException.read(json("""{"kind":"${code.kind}","message":"m","context":"c","argument":"a","value":"v","key":"k"}"""))
            same(e.code, code)
            same(e.javaClass.simpleName, code.kind)
            same(VoileException.thrown(code.kind, "m", e).code, code)
        }
        same(VoileException.read(json("""{"kind":"New"}""")).code, ErrorCode.INTERNAL)
        val e = VoileException.read(json("""{"kind":"InvalidArgument","context":"c","argument":"a","value":"v"}""")) as VoileException.InvalidArgument
        same(Triple(e.context, e.argument, e.value), Triple("c", "a", "v"))
    }
    tests["codec: unions"] = {
        val member = DHTSchemaSMPLMember(byteArrayOf(1, 2), 3u)
        for (schema in listOf(DHTSchema.DFLT(5u), DHTSchema.SMPL(0u, listOf(member)))) {
            same(DHTSchema.read(Json(JSONObject(schema.write().toString()), emptyList(), "")), schema)
        }
        for (safety in listOf(SafetySelection.Safe(SafetySpec(hopCount = 2u, stability = Stability.LOW_LATENCY)), SafetySelection.Unsafe(Sequencing.ENSURE_ORDERED))) {
            same(SafetySelection.read(Json(JSONObject(safety.write().toString()), emptyList(), "")), safety)
        }
        same(Target.Route(RouteId("VLD0:x")).write().toString(), """{"RouteId":"VLD0:x"}""")
    }
    tests["codec: secrets do not print"] = {
        holds("a secret prints", listOf(SecretKey("s3cret"), KeyPair("s3cret"), RecordKey("s3cret"), Secret("s3cret"), SharedSecret("s3cret")).none { "s3cret" in "$it" })
        same("${PublicKey("public")}", "public")
    }
}
