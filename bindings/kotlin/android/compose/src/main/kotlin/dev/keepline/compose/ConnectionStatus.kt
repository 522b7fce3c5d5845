package dev.keepline.compose

import androidx.compose.foundation.layout.Row
import androidx.compose.foundation.layout.padding
import androidx.compose.material3.CircularProgressIndicator
import androidx.compose.material3.MaterialTheme
import androidx.compose.material3.Text
import androidx.compose.material3.TextButton
import androidx.compose.runtime.Composable
import androidx.compose.runtime.getValue
import androidx.compose.ui.Alignment
import androidx.compose.ui.Modifier
import androidx.compose.ui.semantics.LiveRegionMode
import androidx.compose.ui.semantics.liveRegion
import androidx.compose.ui.semantics.semantics
import androidx.compose.ui.unit.dp
import androidx.lifecycle.compose.collectAsStateWithLifecycle
import dev.keepline.KeeplineClient
import dev.keepline.Line
import dev.keepline.Status

/**
 * The state of the line in words, with how many actions wait; nothing while all is well. Not compiled where this
 * project is built, and not run on a device.
 */
@Composable
public fun ConnectionStatus(client: KeeplineClient, onSignIn: () -> Unit, modifier: Modifier = Modifier) {
    val status by client.status.collectAsStateWithLifecycle()
    ConnectionStatus(status, onSignIn, modifier)
}

/** The same of a status: for previews, and for tests with a fake client. */
@Composable
public fun ConnectionStatus(status: Status, onSignIn: () -> Unit, modifier: Modifier = Modifier) {
    val words = status.inWords() ?: return
    Row(
        // A screen reader says it when it changes.
        modifier = modifier.padding(8.dp).semantics { liveRegion = LiveRegionMode.Polite },
        verticalAlignment = Alignment.CenterVertically,
    ) {
        if (status.line == Line.Connecting) CircularProgressIndicator(Modifier.padding(end = 8.dp))
        Text(words, style = MaterialTheme.typography.bodyMedium)
        if (status.line is Line.AuthRequired) TextButton(onClick = onSignIn) { Text("Sign in") }
    }
}

private fun Status.inWords(): String? {
    val waiting = if (pending == 0L) "" else " · $pending waiting"
    val stuck = if (parked == 0L) "" else " · $parked need attention"
    val words = when (line) {
        is Line.Online -> if (parked == 0L) return null else "Online"
        Line.Connecting -> "Connecting"
        is Line.Waiting -> "No connection, trying again"
        Line.Offline -> "No network"
        is Line.AuthRequired -> "Signed out"
        Line.Idle, Line.Suspended, Line.Closed -> return null
    }
    return words + waiting + stuck
}
