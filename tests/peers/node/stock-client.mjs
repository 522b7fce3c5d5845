// A default Socket.IO client as a web app would write it: it starts a job on a Keepline server and prints, as JSON
// lines, what comes back. Exit 0 only where the results came.

import { io } from "socket.io-client";
import { flags, say } from "./lib.mjs";

const options = flags({
  url: "",
  token: process.env.KEEPLINE_TOKEN ?? "",
  // search: a job with its results; record: the same id twice is applied once; no-ack: an action without an answer;
  // connect: no more than that.
  mode: "search",
  query: "the",
  limit: 5,
  // Only WebSocket, instead of long polling and an upgrade.
  websocket: false,
  // Asks for metas with the events.
  meta: false,
  // The id of the action; without it the action has no meta.
  id: "",
  timeout_ms: 30_000,
});

const auth = { token: options.token, ...(options.meta && { meta: true }) };
const socket = io(options.url, { auth, reconnection: false, ...(options.websocket && { transports: ["websocket"] }) });
const events = [];
const waiting = new Set();

socket.onAny((name, ...args) => {
  events.push({ name, args });
  say("event", { name, args });
  for (const check of waiting) check();
});
socket.io.on("open", () => {
  say("opened", { transport: socket.io.engine.transport.name });
  socket.io.engine.on("upgrade", (transport) => say("upgraded", { transport: transport.name }));
  socket.io.engine.on("upgradeError", (error) => say("upgrade_error", { error: error.message }));
});
socket.on("connect", () => say("connected", { transport: socket.io.engine.transport.name }));
socket.on("connect_error", (error) => fail("refused", { message: error.message, data: error.data ?? null }));
socket.on("disconnect", (reason) => fail("disconnected", { reason }));
setTimeout(() => fail("timeout"), options.timeout_ms);

const modes = { search, record, "no-ack": noAck, connect: () => {} };
if (!(options.mode in modes)) fail("usage", { mode: options.mode });
await new Promise((connected) => socket.once("connect", connected));
await modes[options.mode]();
await upgraded();
say("done", { transport: socket.io.engine.transport.name, results: named("search:result:v1").length });
process.exit(0);

async function search() {
  const ack = await emit("search:start:v1", { query: options.query, limit: options.limit });
  if (!ack?.ok || typeof ack.reply?.job !== "string") fail("no_job", { ack });
  await until(() => ofJob("job:completed:v1", ack.reply.job).length > 0);
  if (ofJob("search:result:v1", ack.reply.job).length === 0) fail("no_results");
  checkMetas();
}

async function record() {
  const first = await emit("test:record:v1", { n: 7 });
  const second = await emit("test:record:v1", { n: 7 });
  if (!first?.ok || first.dup) fail("not_applied", { first });
  if (!second?.ok || !second.dup) fail("not_a_duplicate", { second });
  const other = await emit("test:record:v1", { n: 8 });
  if (other?.ok || other.error?.code !== "ID_CONFLICT") fail("no_conflict", { other });
  // A marker that comes after whatever the first two did: one effect by then, and no second one.
  const marker = await emit("test:record:v1", { n: 9 }, []);
  if (!marker?.ok) fail("no_marker", { marker });
  await until(() => named("test:recorded:v1").some(({ args }) => args[0].n === 9));
  if (named("test:recorded:v1").filter(({ args }) => args[0].n === 7).length !== 1) fail("applied_twice");
  checkMetas();
}

async function noAck() {
  socket.emit("search:start:v1", { query: options.query, limit: options.limit });
  await until(() => named("job:completed:v1").length > 0 && named("search:result:v1").length > 0);
  checkMetas();
}

async function emit(name, payload, metas = options.id === "" ? [] : [{ id: options.id }]) {
  const ack = await socket.timeout(options.timeout_ms).emitWithAck(name, payload, ...metas);
  say("ack", { name, ack });
  return ack;
}

/** A client that asked for metas gets one with each event of a stream, any other gets the payload alone. */
function checkMetas() {
  const wrong = events.filter(({ args }) => args.length !== (options.meta ? 2 : 1));
  if (wrong.length > 0) fail("arguments", { wrong });
  const offsets = new Map();
  for (const { args: [, meta] } of options.meta ? events : []) {
    const last = offsets.get(meta.stream);
    if (last !== undefined && meta.offset !== last + 1) fail("gap", { stream: meta.stream, last, meta });
    offsets.set(meta.stream, meta.offset);
  }
}

/** A short job can be over before the upgrade; a default client ends on a WebSocket all the same. */
async function upgraded() {
  const engine = socket.io.engine;
  if (engine.transport.name !== "websocket") await new Promise((done) => engine.once("upgrade", done));
}

function named(name) {
  return events.filter((event) => event.name === name);
}

function ofJob(name, job) {
  return named(name).filter(({ args }) => args[0]?.job === job);
}

function until(condition) {
  return new Promise((resolve) => {
    const check = () => {
      if (!condition()) return;
      waiting.delete(check);
      resolve();
    };
    waiting.add(check);
    check();
  });
}

function fail(why, fields = {}) {
  say("failed", { why, ...fields });
  process.exit(1);
}
