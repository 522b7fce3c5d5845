// What a web page and a Node back end write with `events.d.ts`, for the compiler alone: it is never run. Each
// `@ts-expect-error` is a mistake that the types must find.
//
//   npm ci && npx tsc -p .

import { io, Socket } from "socket.io-client";
import { Server } from "socket.io";
import type {
  ActionReplies,
  ClientToServerEvents,
  ConnectAuth,
  ConnectRefused,
  OnAction,
  OnEvent,
  ServerToClientEvents,
  Stream,
  StreamStatus,
} from "../events";

const auth: ConnectAuth = { token: "t", meta: true };
const socket: Socket<ServerToClientEvents, ClientToServerEvents> = io("http://127.0.0.1", { auth });
socket.on("search:result:v1", (result, meta) => {
  const line: string = result.title + result.score.toFixed(1);
  const offset: number | undefined = meta?.offset;
  console.log(line, offset);
});
socket.on("session:ready:v1", (ready) => {
  const status: StreamStatus | undefined = ready.streams["user"]?.status;
  console.log(status);
});
socket.on("connect_error", (error) => {
  const refused = error as unknown as ConnectRefused;
  console.log(refused.data?.retry_after_ms);
});
socket.emit("search:start:v1", { query: "rust" }, (answer) => {
  if (answer.ok) {
    const job: string | undefined = answer.reply?.job;
    console.log(job);
  } else {
    const code: string = answer.error.code;
    console.log(code === "NOT_FOUND");
  }
});
const meta = { id: "0198c5a2-7d0e-7b1c-9b1f-0a4c5d6e7f80" };
socket.emit("search:start:v1", { query: "rust", limit: 3 }, meta, (answer) => console.log(answer.position));
async function more() {
  const answer = await socket.emitWithAck("task:cancel:v1", { job: "7" });
  if (answer.ok) {
    const cancelled: boolean | undefined = answer.reply?.cancelled;
    console.log(cancelled);
  }
  const timed = await socket.timeout(1000).emitWithAck("test:echo:v1", 7, { id: "x" });
  console.log(timed.ok);
  socket.timeout(1000).emit("search:start:v1", { query: "x" }, (error, answer) => console.log(error, answer.ok));
  const page = await socket.emitWithAck("stream:subscribe:v1", { stream: "job:7", after: 3 });
  if (page.ok) {
    const more: boolean | undefined = page.more;
    console.log(more, page.reset?.reason === "trimmed");
  } else {
    console.log(page.error.message);
  }
}
void more;

// @ts-expect-error no such event
socket.on("search:results:v1", () => {});
// @ts-expect-error query is missing
socket.emit("search:start:v1", {}, () => {});
// @ts-expect-error a stream is user or job:<id>
const bad: Stream = "room:1";
// @ts-expect-error the answer is asked for
socket.emit("search:start:v1", { query: "x" });
// @ts-expect-error no such field
socket.on("job:created:v1", (job) => job.title);
const reply: ActionReplies["search:start:v1"] = { job: "7" };
console.log(bad, reply);

interface Own extends ClientToServerEvents {
  "note:add:v1": OnAction<{ text: string }, { id: number }>;
}
interface OwnEvents extends ServerToClientEvents {
  "note:added:v1": OnEvent<{ id: number }>;
}
const server = new Server<Own, OwnEvents>();
server.on("connection", (peer) => {
  peer.on("search:start:v1", (...args) => {
    const [payload] = args;
    const meta = args.length === 3 ? args[1] : undefined;
    const ack = args.length === 3 ? args[2] : args[1];
    const id: string | undefined = meta?.id;
    ack({ ok: true, reply: { job: payload.query + id } });
  });
  peer.on("note:add:v1", (payload, second, third?) => {
    const ack = typeof second === "function" ? second : third;
    const meta = typeof second === "function" ? undefined : second;
    ack?.({ ok: false, error: { code: "OUT_OF_PAPER" } });
    console.log(payload.text.length, meta?.id);
  });
  peer.on("stream:unsubscribe:v1", (payload, ack) => {
    console.log(payload.stream);
    ack({ ok: true });
  });
  peer.emit("job:progress:v1", { job: "7", done: 1, total: 2 });
  peer.emit("note:added:v1", { id: 1 }, { stream: "user", offset: 1 });
  // @ts-expect-error total is missing
  peer.emit("job:progress:v1", { job: "7", done: 1 });
});
