package net.voile.android

import android.app.Activity
import android.app.Application
import android.os.Bundle
import android.os.Handler
import android.os.Looper
import net.voile.VoileNode

/**
 * Tells a node whether the user sees the app: one of its activities is started. A change of
 * the screen's orientation, where one activity ends before the next one starts, counts for
 * nothing.
 *
 * @param application the app, from whose start on this must exist to see all activities
 */
class ForegroundWatch(private val application: Application, private val node: VoileNode) :
    Application.ActivityLifecycleCallbacks, AutoCloseable {
    private val handler = Handler(Looper.getMainLooper())
    private val leave = Runnable { node.setForeground(false) }
    private var started = 0

    init {
        application.registerActivityLifecycleCallbacks(this)
    }

    override fun onActivityStarted(activity: Activity) {
        handler.removeCallbacks(leave)
        if (started++ == 0) node.setForeground(true)
    }

    override fun onActivityStopped(activity: Activity) {
        if (--started == 0) handler.postDelayed(leave, GRACE_MS)
    }

    /** Ends the watch. */
    override fun close() {
        application.unregisterActivityLifecycleCallbacks(this)
        handler.removeCallbacks(leave)
    }

    override fun onActivityCreated(activity: Activity, savedInstanceState: Bundle?) = Unit

    override fun onActivityResumed(activity: Activity) = Unit

    override fun onActivityPaused(activity: Activity) = Unit

    override fun onActivitySaveInstanceState(activity: Activity, outState: Bundle) = Unit

    override fun onActivityDestroyed(activity: Activity) = Unit

    private companion object {
        const val GRACE_MS = 700L
    }
}
