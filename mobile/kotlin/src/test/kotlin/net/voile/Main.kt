package net.voile

import kotlin.system.exitProcess
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout

/**
 * A program of tests: one line for each. It needs the library for this machine. Arguments
 * choose the tests whose names they are in.
 */
fun main(args: Array<String>) {
    val tests = linkedMapOf<String, suspend () -> Unit>()
    codecTests(tests)
    storeTests(tests)
    nodeTests(tests)
    networkTests(tests)
    var failed = 0
    for ((name, test) in tests) {
        if (args.isNotEmpty() && args.none { it in name }) continue
        try {
            runBlocking { withTimeout(120_000) { test() } }
            println("ok $name")
        } catch (e: Throwable) {
            failed++
            println("FAIL $name")
            e.printStackTrace(System.out)
        }
    }
    exitProcess(if (failed == 0) 0 else 1) // threads of the library are no daemons
}

fun same(got: Any?, want: Any?) {
    if (got != want) throw AssertionError("got $got, want $want")
}

fun same(got: ByteArray?, want: ByteArray?) {
    if (!got.contentEquals(want)) throw AssertionError("got ${got?.toList()}, want ${want?.toList()}")
}

fun holds(what: String, ok: Boolean) {
    if (!ok) throw AssertionError(what)
}

inline fun <reified E : Throwable> fails(f: () -> Any?): E {
    val got = try {
        f()
    } catch (e: Throwable) {
        if (e is E) return e
        throw AssertionError("got $e, want ${E::class.java.simpleName}", e)
    }
    throw AssertionError("got $got, want ${E::class.java.simpleName}")
}
