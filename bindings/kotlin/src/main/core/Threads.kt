package dev.keepline.core

import com.sun.jna.CallbackThreadInitializer
import com.sun.jna.Native

/**
 * A thread of the library that wakes a coroutine stays known to the virtual machine until it ends, as a daemon. By
 * default it would be made known, with a new `Thread` object, and forgotten again each time: for each batch of events.
 *
 * Compiled with the generated code, whose callback is internal.
 */
public fun keepThreadsKnown() {
    val stays = CallbackThreadInitializer(true, false, "keepline")
    Native.setCallbackThreadInitializer(uniffiRustFutureContinuationCallbackImpl, stays)
}
