"""python-socketio asks a Node server: the echo round trip. One JSON line for each figure."""

import argparse
import asyncio
import json
import time

import socketio


async def main() -> None:
    flags = argparse.ArgumentParser()
    flags.add_argument("--url", required=True)
    flags.add_argument("--echoes", type=int, default=3_000)
    flags.add_argument("--bytes", type=int, default=100)
    options = flags.parse_args()
    client = socketio.AsyncClient(reconnection=False)
    await client.connect(options.url, transports=["websocket"])
    data = "x" * options.bytes
    times = []
    warm_up = options.echoes // 10
    for n in range(warm_up + options.echoes):
        begun = time.perf_counter_ns()
        await client.call("echo", {"n": n, "data": data})
        if n >= warm_up:
            times.append((time.perf_counter_ns() - begun) / 1_000)
    times.sort()
    figure = {"name": "echo_round_trip_p50", "value": times[len(times) // 2], "unit": "us", "samples": len(times)}
    print(json.dumps({"type": "figure", **figure}), flush=True)
    await client.disconnect()


if __name__ == "__main__":
    asyncio.run(main())
