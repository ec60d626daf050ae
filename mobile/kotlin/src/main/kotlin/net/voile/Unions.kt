package net.voile

import org.json.JSONArray
import org.json.JSONObject

/** How many subkeys a record has and who may write them; 1 to 1024 in all. */
sealed interface DHTSchema {
    /**
     * The owner writes all subkeys.
     *
     * @property oCnt how many there are
     */
    data class DFLT(val oCnt: UInt) : DHTSchema

    /**
     * The owner's subkeys come first, then each member's.
     *
     * @property oCnt how many the owner has
     * @property members the other writers
     */
    data class SMPL(val oCnt: UInt, val members: List<DHTSchemaSMPLMember>) : DHTSchema

    companion object {
        internal fun read(v: Json): DHTSchema = when (val kind = v.field("kind").text()) {
            "DFLT" -> DFLT(v.field("o_cnt").uint())
            "SMPL" -> SMPL(v.field("o_cnt").uint(), v.field("members").list { DHTSchemaSMPLMember.read(it) })
            else -> throw malformed("schema that is known, but $kind")
        }
    }
}

internal fun DHTSchema.write(): JSONObject = when (this) {
    is DHTSchema.DFLT -> JSONObject().put("kind", "DFLT").put("o_cnt", oCnt.toLong())
    is DHTSchema.SMPL -> JSONObject().put("kind", "SMPL").put("o_cnt", oCnt.toLong())
        .put("members", JSONArray(members.map { it.write() }))
}

/** How messages of a context are hidden. */
sealed interface SafetySelection {
    /** Through other nodes, as [spec] says. */
    data class Safe(val spec: SafetySpec = SafetySpec()) : SafetySelection

    /** Directly. The library refuses it. */
    data class Unsafe(val sequencing: Sequencing) : SafetySelection

    companion object {
        internal fun read(v: Json): SafetySelection =
            if (v.has("Safe")) {
                Safe(SafetySpec.read(v.field("Safe")))
            } else {
                Unsafe(Sequencing.read(v.field("Unsafe")))
            }
    }
}

internal fun SafetySelection.write(): JSONObject = when (this) {
    is SafetySelection.Safe -> JSONObject().put("Safe", spec.write())
    is SafetySelection.Unsafe -> JSONObject().put("Unsafe", sequencing.wire)
}

/** The receiver of a message. */
sealed interface Target {
    /** A private route that was imported. */
    data class Route(val id: RouteId) : Target

    /** A node. The library refuses it, since it would show who sends. */
    data class Node(val id: NodeId) : Target
}

internal fun Target.write(): JSONObject = when (this) {
    is Target.Route -> JSONObject().put("RouteId", id.text)
    is Target.Node -> JSONObject().put("NodeId", id.text)
}

