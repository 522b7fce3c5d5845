// The stock client against a server of the protocol's conformance: two namespaces that say what CONNECT brought, give
// `message` back as `message-back` and acknowledge `message-with-ack`, both with the same arguments. It prints each
// check as a JSON line and exits 0 where all of them hold.

import { deepStrictEqual } from "node:assert";
import { io } from "socket.io-client";
import { flags, say } from "./lib.mjs";

const options = flags({
  url: "",
  // default: long polling, then the upgrade; websocket or polling: only that.
  transport: "default",
  timeout_ms: 30_000,
});

const only = { default: undefined, websocket: ["websocket"], polling: ["polling"] };
const transports = only[options.transport];
setTimeout(() => end("timeout", 1), options.timeout_ms);

const bytes = Buffer.from([0, 1, 2, 254, 255]);
const ARGUMENTS = {
  none: [],
  texts: [1, "2", { 3: [true, null] }, "€ \u{1f600} \x1e"],
  binary: [bytes],
  mixed: ["first", { deep: [bytes, { deeper: Buffer.alloc(3, 7) }] }, Buffer.alloc(0), 4.5],
  ten_attachments: Array.from({ length: 10 }, (_, n) => Buffer.alloc(n + 1, n)),
  large: ["x".repeat(100_000), Buffer.alloc(100_000, 1)],
};

let failed = 0;
for (const namespace of ["/", "/custom"]) {
  for (const auth of [undefined, { token: "123", deep: { er: [1] } }]) {
    const socket = io(new URL(namespace, options.url).href, { auth, transports, forceNew: true, reconnection: false });
    const label = `${namespace}${auth ? " with a payload" : ""}`;
    const [brought] = await Promise.all([once(socket, "auth"), once(socket, "connect")]);
    await check(`${label}: auth`, () => deepStrictEqual(brought, [auth ?? {}]));
    for (const [name, args] of Object.entries(ARGUMENTS)) {
      await check(`${label}: message of ${name}`, async () => {
        const back = once(socket, "message-back");
        socket.emit("message", ...args);
        same(await back, args);
      });
      await check(`${label}: acknowledgement of ${name}`, async () => {
        same(await new Promise((done) => socket.emit("message-with-ack", ...args, (...ack) => done(ack))), args);
      });
    }
    await check(`${label}: transport`, async () => {
      const engine = socket.io.engine;
      const wanted = options.transport === "polling" ? "polling" : "websocket";
      if (engine.transport.name !== wanted) await new Promise((done) => engine.once("upgrade", done));
      deepStrictEqual(engine.transport.name, wanted);
    });
    socket.disconnect();
  }
}
const unknown = io(new URL("/random", options.url).href, { transports, forceNew: true, reconnection: false });
await check("unknown namespace", async () => deepStrictEqual((await once(unknown, "connect_error"))[0].message, "Invalid namespace"));
end("done", failed === 0 ? 0 : 1);

async function check(name, run) {
  try {
    await run();
    say("check", { name, holds: true });
  } catch (error) {
    failed += 1;
    say("check", { name, holds: false, error: error.message });
  }
}

/** Bytes are compared as bytes, whatever holds them. */
function same(came, sent) {
  deepStrictEqual(plain(came), plain(sent));
}

function plain(value) {
  if (value instanceof ArrayBuffer || ArrayBuffer.isView(value)) return { hex: Buffer.from(value).toString("hex") };
  if (Array.isArray(value)) return value.map(plain);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]));
}

function once(socket, name) {
  return new Promise((resolve, reject) => {
    socket.once(name, (...args) => resolve(args));
    if (name !== "connect_error") socket.once("connect_error", reject);
    socket.once("disconnect", (reason) => reject(new Error(`disconnected: ${reason}`)));
  });
}

function end(type, code) {
  say(type, { failed });
  process.exit(code);
}
