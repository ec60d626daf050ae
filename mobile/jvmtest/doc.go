// Package jvmtest runs the phone library on this machine: what gobind generates for
// Android is built for the desktop and called by Java and by the Kotlin wrapper; the
// same, unchanged, is linked for Android; and the whole API of the wrappers is
// compared with the schema. It has tests only. Builds are kept in the user's cache
// folder voile-jvm.
package jvmtest
