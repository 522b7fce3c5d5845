// A default Socket.IO server as an app would write it, to show that a Keepline client in plain mode gets on with
// one. It prints what it saw as JSON lines, and ends with code 70 where a handler gets what it does not expect.

import { createServer } from "node:http";
import { Server } from "socket.io";
import { flags, onSignal, say } from "./lib.mjs";

const options = flags({
  host: "127.0.0.1",
  port: 0,
  path: "/socket.io/",
  namespace: "/",
  ping_interval_ms: 25_000,
  ping_timeout_ms: 20_000,
  // Each token good-N opens one connection only.
  single_use: false,
});

const http = createServer();
const server = new Server(http, {
  path: options.path,
  pingInterval: options.ping_interval_ms,
  pingTimeout: options.ping_timeout_ms,
});
const room = server.of(options.namespace);
const usedTokens = new Set();

room.use((socket, next) => {
  const { token } = socket.handshake.auth;
  const good = /^good-\d+$/.test(token ?? "");
  const fresh = !options.single_use || !usedTokens.has(token);
  say("auth", { token, accepted: good && fresh, keys: Object.keys(socket.handshake.auth) });
  if (!good) return next(refusal("AUTH_TOKEN_INVALID", token === undefined ? "missing" : "bad"));
  if (!fresh) return next(refusal("AUTH_TOKEN_EXPIRED", "used"));
  usedTokens.add(token);
  next();
});

function refusal(message, detail) {
  const error = new Error(message);
  error.data = { code: message, detail };
  return error;
}

room.on("connection", (socket) => {
  say("connected", { id: socket.id, transport: socket.conn.transport.name, query: socket.handshake.query });
  socket.conn.on("upgrade", (transport) => say("upgraded", { id: socket.id, transport: transport.name }));
  socket.on("disconnect", (reason) => say("disconnected", { id: socket.id, reason }));
  for (const [name, handler] of Object.entries(handlers)) socket.on(name, expecting(name, handler, socket));
  socket.onAny((name, ...args) => {
    if (!(name in handlers)) say("unknown", { name, args: args.filter((arg) => typeof arg !== "function") });
  });
});

// Handlers have the signature (data) or (data, callback). What a real one does with a further argument is call it
// in place of the callback, and die.
const handlers = {
  echo: (data, callback) => callback(data),
  several: (data, callback) => callback("first", 2, { third: data }),
  nothing: (_data, callback) => callback(),
  silent: (_data, _callback) => {},
  slow: (data, callback) => setTimeout(() => callback(data), data?.ms ?? 50),
  refuse: (data, callback) => callback({ error: "no", data }),
  record: (_data) => {},
  binary: (data, callback) => callback(data),
  broadcast: (data, callback) => {
    room.emit(data.name, ...(data.args ?? []));
    callback?.("sent");
  },
  events: (data, callback) => {
    callback?.("begun");
    return (socket) => {
      for (let n = 1; n <= data.count; n += 1) socket.emit("tick", { n, text: "x".repeat(data.bytes ?? 0) });
    };
  },
  attachments: (data, callback) => {
    callback?.("sent");
    return (socket) => socket.emit("files", { n: data.n, parts: filled(data.n) }, Buffer.from("last"));
  },
  ask: (data, callback) => {
    callback?.("asked");
    return (socket) =>
      socket.timeout(data?.ms ?? 5_000).emit("question", data, (error, ...answer) => {
        say("answer", { answer: error ? null : answer });
      });
  },
  leave: (_data) => (socket) => socket.disconnect(),
  close: (_data) => (socket) => socket.conn.close(),
};

function filled(count) {
  return Array.from({ length: count }, (_, n) => Buffer.alloc(n + 1, n));
}

function expecting(name, handler, socket) {
  return (...args) => {
    const acked = typeof args.at(-1) === "function";
    const data = acked ? args.slice(0, -1) : args;
    if (data.length > 1) {
      say("failed", { name, error: "UNEXPECTED ARGUMENT", count: data.length, extra: data.slice(1) });
      process.exit(70);
    }
    say("event", { name, data: data[0] ?? null, ack: acked });
    const then = handler(data[0], acked ? args.at(-1) : undefined);
    if (typeof then === "function") then(socket);
  };
}

onSignal(() => {
  say("ending");
  server.close(() => process.exit(0));
});

http.listen(options.port, options.host, () => {
  say("listening", { port: http.address().port, url: `http://${options.host}:${http.address().port}` });
});
