// The Node half that serves in the pair that Keepline is measured against: stock socket.io, nothing else.

import { createServer } from "node:http";
import { Server } from "socket.io";
import { flags, onSignal, say } from "./lib.mjs";

const options = flags({ port: 0 });
const http = createServer();
const server = new Server(http, { serveClient: false });

server.on("connection", (socket) => {
  socket.on("echo", (data, callback) => callback(data));
  socket.on("events", ({ count, bytes }) => {
    const data = "x".repeat(bytes);
    let n = 0;
    // In batches, so that the event loop gets to write: one long loop would only measure how fast memory fills.
    const batch = () => {
      for (const end = Math.min(n + BATCH, count); n < end; n += 1) socket.emit("event", { n, data });
      if (n < count) setImmediate(batch);
    };
    batch();
  });
});

const BATCH = 256;

onSignal(() => process.exit(0));
http.listen(options.port, "127.0.0.1", () => {
  say("listening", { port: http.address().port, url: `http://127.0.0.1:${http.address().port}` });
});
