package dev.keepline.android

import android.content.Context
import android.net.ConnectivityManager
import android.net.Network
import android.net.NetworkCapabilities
import android.net.NetworkRequest
import dev.keepline.ClosedException
import dev.keepline.KeeplineClient

/** Tells the client when the network comes and goes. Not tested on a device. */
internal class NetworkObserver(context: Context, private val client: KeeplineClient) :
    ConnectivityManager.NetworkCallback() {
    private val connectivity =
        context.applicationContext.getSystemService(Context.CONNECTIVITY_SERVICE) as ConnectivityManager

    /** More than one network may be there at a time: it is lost when the last one goes. */
    private val networks = HashSet<Network>()

    fun begin() {
        val request = NetworkRequest.Builder().addCapability(NetworkCapabilities.NET_CAPABILITY_INTERNET).build()
        connectivity.registerNetworkCallback(request, this)
    }

    override fun onAvailable(network: Network) {
        synchronized(networks) { networks += network }
        unlessClosed { client.networkAvailable() }
    }

    override fun onLost(network: Network) {
        val isLast = synchronized(networks) {
            networks -= network
            networks.isEmpty()
        }
        if (isLast) unlessClosed { client.networkLost() }
    }

    private inline fun unlessClosed(block: () -> Unit) {
        try {
            block()
        } catch (_: ClosedException) {
            connectivity.unregisterNetworkCallback(this)
        }
    }
}
