plugins {
    id("com.android.library")
    id("org.jetbrains.kotlin.android")
    id("org.jetbrains.kotlin.plugin.serialization")
}

android {
    namespace = "dev.keepline.android"
    compileSdk = 36

    defaultConfig {
        minSdk = 23
        consumerProguardFiles("consumer-rules.pro")
    }

    compileOptions {
        sourceCompatibility = JavaVersion.VERSION_17
        targetCompatibility = JavaVersion.VERSION_17
    }

    sourceSets["main"].kotlin.srcDirs(
        // The package itself, and its generated code: see scripts/lib/kotlin.sh.
        "../../src/main/kotlin",
        "../../../../.cache/kotlin/generated",
        "../../src/main/core",
        "src/main/kotlin",
        // What knows nothing of Android, and is tested with the package.
        "src/presence/kotlin",
    )

    packaging {
        // Uncompressed and page-aligned in the APK, so that they are mapped from it.
        jniLibs.useLegacyPackaging = false
    }
}

dependencies {
    api("org.jetbrains.kotlinx:kotlinx-coroutines-android:1.11.0")
    api("org.jetbrains.kotlinx:kotlinx-serialization-json:1.12.0")
    implementation("net.java.dev.jna:jna:5.19.1@aar")
    implementation("androidx.lifecycle:lifecycle-process:2.9.4")
    implementation("androidx.work:work-runtime-ktx:2.10.5")
}
