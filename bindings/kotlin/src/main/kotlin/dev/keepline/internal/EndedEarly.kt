package dev.keepline.internal

import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.flow.flow
import kotlinx.coroutines.isActive
import kotlinx.coroutines.runBlocking

/**
 * Whether a flow's emission failed because an operator (`first`, `take`, `takeWhile`, `transformWhile`) has all that it
 * wants: the end is a good one, and the last item was used. Not where the collector is cancelled by now: then the
 * operator throws instead of giving what it has, and the item must come again.
 *
 * The exception that says so is internal to kotlinx.coroutines, and a cancellation looks much the same. Its class is
 * learned by watching such an end once, which also holds after a shrinker has renamed it.
 */
internal suspend fun endedEarly(end: Throwable): Boolean =
    GoodEnd.type.isInstance(end) && currentCoroutineContext().isActive

private object GoodEnd {
    val type: Class<out Throwable> = runBlocking {
        var seen: Class<out Throwable>? = null
        flow {
            try {
                emit(Unit)
            } catch (end: Throwable) {
                seen = end::class.java
                throw end
            }
        }.first()
        checkNotNull(seen) { "first() ends a flow by an exception" }
    }
}
