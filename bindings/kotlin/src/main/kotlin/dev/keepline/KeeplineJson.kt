package dev.keepline

import kotlinx.serialization.descriptors.SerialDescriptor
import kotlinx.serialization.json.Json

/**
 * How payloads are written and read unless [KeeplineConfig.json] says otherwise: unknown fields are ignored, defaults
 * are written, and what is `null` is left out.
 */
public val KeeplineJson: Json = Json {
    ignoreUnknownKeys = true
    encodeDefaults = true
    explicitNulls = false
}

@PublishedApi
internal fun SerialDescriptor.hasWireName(name: String): Boolean = requireWireName() == name
