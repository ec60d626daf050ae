// The Android library of Voile: the archive that `make android` builds, and the Kotlin
// wrapper around it. An app includes this folder as a module, or publishes it once:
//
//   include(":voile"); project(":voile").projectDir = file("…/mobile/kotlin")
//   implementation(project(":voile"))
plugins {
    id("com.android.library") version "8.9.1"
    id("org.jetbrains.kotlin.android") version "2.2.20"
    `maven-publish`
}

android {
    namespace = "net.voile"
    compileSdk = 35

    defaultConfig {
        minSdk = 26
        consumerProguardFiles("consumer-rules.pro")
    }

    sourceSets["main"].apply {
        manifest.srcFile("src/android/AndroidManifest.xml")
        // What runs on any JVM, and what needs Android.
        kotlin.srcDirs("src/main/kotlin", "src/android/kotlin")
    }

    compileOptions {
        sourceCompatibility = JavaVersion.VERSION_17
        targetCompatibility = JavaVersion.VERSION_17
    }

    publishing.singleVariant("release") { withSourcesJar() }
}

kotlin.compilerOptions.jvmTarget.set(org.jetbrains.kotlin.gradle.dsl.JvmTarget.JVM_17)

val aar = layout.projectDirectory.file("../../bin/voile.aar").asFile
val bound = layout.buildDirectory.dir("voile")

// An archive cannot hold another one: its classes and libraries are taken out.
val unpack by tasks.registering(Copy::class) {
    doFirst { require(aar.exists()) { "$aar is missing: run `make android` in the folder of the repository" } }
    from(zipTree(aar)) { include("classes.jar", "jni/**") }
    into(bound)
}

android.sourceSets["main"].jniLibs.srcDir(bound.map { it.dir("jni") })

tasks.matching { it.name.startsWith("pre") && it.name.endsWith("Build") }.configureEach { dependsOn(unpack) }

dependencies {
    api(files(bound.map { it.file("classes.jar") }) { builtBy(unpack) })
    api("org.jetbrains.kotlinx:kotlinx-coroutines-android:1.10.2")
}

publishing.publications.register<MavenPublication>("release") {
    groupId = "net.voile"
    artifactId = "voile"
    afterEvaluate { from(components["release"]) }
}
