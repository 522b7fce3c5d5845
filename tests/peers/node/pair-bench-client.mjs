// The Node half that asks in the pair that Keepline is measured against. One JSON line for each figure.

import { io } from "socket.io-client";
import { flags, quantile, say } from "./lib.mjs";

const options = flags({
  url: "",
  // How many echoes, one after the other.
  echoes: 5_000,
  // How many acknowledgements, `window` of them under way at any time.
  acks: 100_000,
  window: 256,
  // How many events into this one client.
  events: 200_000,
  // How many bytes of filling each of them carries.
  bytes: 100,
});

const data = "x".repeat(options.bytes);
const socket = io(options.url, { transports: ["websocket"], reconnection: false });
socket.on("connect_error", (error) => fail(error.message));
socket.on("disconnect", (reason) => fail(reason));
await new Promise((connected) => socket.once("connect", connected));

await echoes(options.echoes / 10);
const times = (await echoes(options.echoes)).sort((a, b) => a - b);
say("figure", { name: "echo_round_trip_p50", value: quantile(times, 0.5), unit: "us", samples: times.length });
say("figure", { name: "echo_round_trip_p99", value: quantile(times, 0.99), unit: "us", samples: times.length });

await acks(options.acks / 10);
say("figure", { name: "acks_per_second", value: options.acks / (await acks(options.acks)), unit: "1/s" });

await events(options.events / 10);
say("figure", { name: "events_per_second", value: options.events / (await events(options.events)), unit: "1/s" });
process.exit(0);

/** Microseconds for each of them. */
async function echoes(count) {
  const times = [];
  for (let n = 0; n < count; n += 1) {
    const begun = process.hrtime.bigint();
    await new Promise((answered) => socket.emit("echo", { n, data }, answered));
    times.push(Number(process.hrtime.bigint() - begun) / 1_000);
  }
  return times;
}

/** Seconds for all of them. */
function acks(count) {
  return new Promise((done) => {
    const begun = performance.now();
    let [sent, answered] = [0, 0];
    const send = () => socket.emit("echo", { n: sent++, data }, onAck);
    const onAck = () => {
      answered += 1;
      if (answered === count) done((performance.now() - begun) / 1_000);
      else if (sent < count) send();
    };
    for (let n = Math.min(options.window, count); n > 0; n -= 1) send();
  });
}

/** Seconds from asking for the events to the last one. */
function events(count) {
  return new Promise((done) => {
    let next = 0;
    const begun = performance.now();
    socket.on("event", (event) => {
      if (event.n !== next) fail(`event ${event.n} in place of ${next}`);
      next += 1;
      if (next < count) return;
      socket.off("event");
      done((performance.now() - begun) / 1_000);
    });
    socket.emit("events", { count, bytes: options.bytes });
  });
}

function fail(why) {
  say("failed", { why });
  process.exit(1);
}
