// The client side of a benchmark, in a process of its own: holds many proxies, and reports what reached them and when. It is
// forked by run/client.ts; messages.ts has what they say to each other.
import { Arrivals } from "./arrivals.ts";
import { openAndDrop, sendGarbage } from "./bad-peers.ts";
import type { ClientAnswer, ClientCommand, ClientMessage, ConnectCommand, WatchMark } from "./messages.ts";
import { ProxyFleet } from "./proxy-fleet.ts";

const DONE: ClientAnswer = { tag: "done" };
/** Streams that end close together make one report each, but not more than these. */
const MAX_END_REPORTS = 5;

const arrivals = new Arrivals();
let fleet: ProxyFleet | undefined;
let mark: { readonly watch: WatchMark; readonly bytes: Buffer } | undefined;
/** Completed streams are what is waited for, and not a mark. */
let connecting = false;
let endsExpected = false;
let endReports = 0;
let mode: ConnectCommand["mode"] = "sotw";
let replaced = 0;

function send(message: ClientMessage): void {
  process.send?.(message);
}

function arrive(proxy: number): void {
  if (arrivals.arrive(proxy)) send({ tag: "reached" });
}

function theFleet(): ProxyFleet {
  if (!fleet) throw new Error("no proxies are connected yet");
  return fleet;
}

function allProxies(): readonly number[] {
  return theFleet().proxies.map((_, index) => index);
}

async function connect(command: ConnectCommand): Promise<void> {
  mode = command.mode;
  connecting = true;
  fleet = new ProxyFleet(command, {
    onResponse(proxy, type, bytes, frame, content) {
      arrivals.count(proxy, type, bytes, frame.resources);
      if (!mark || mark.watch.type !== type || !arrivals.isWaitingFor(proxy)) return;
      const { watch } = mark;
      const there =
        watch.gone && mode === "delta"
          ? frame.removed.some((name) => name.includes(mark!.bytes.toString()))
          : content().has(mark.bytes) !== watch.gone;
      if (there) arrive(proxy);
    },
    onComplete(proxy) {
      if (connecting) arrive(proxy);
    },
    onEnd(proxy, reason) {
      if (!endsExpected && endReports++ < MAX_END_REPORTS) send({ tag: "stream-ended", proxy, reason });
    },
  });
  arrivals.begin(command.nodes.keys());
  await fleet.start();
}

async function run(command: ClientCommand): Promise<ClientAnswer> {
  switch (command.tag) {
    case "connect":
      await connect(command);
      return DONE;
    case "reconnect":
      endsExpected = false;
      theFleet().reconnect(command.target);
      return DONE;
    case "expect-ends":
      endsExpected = true;
      return DONE;
    case "watch":
      connecting = false;
      mark = command.mark && { watch: command.mark, bytes: Buffer.from(command.mark.bytes, "base64") };
      arrivals.begin(command.mark ? (command.expect ?? allProxies()) : []);
      return DONE;
    case "track":
      connecting = false;
      mark = undefined;
      arrivals.track();
      return DONE;
    case "collect":
      return { tag: "collected", ...arrivals.collected() };
    case "collect-track":
      return { tag: "tracked", ...arrivals.tracked(command.writes, command.proxies ?? allProxies()) };
    case "stall":
      theFleet().stall(command.proxy, command.stalled);
      return DONE;
    case "garbage":
      await sendGarbage(command.target, command.connections, command.seed);
      return DONE;
    case "open-and-drop":
      await openAndDrop(command.target, command.streams, theFleet().proxies[0]!.node);
      return DONE;
    case "replace-proxies": {
      const count = theFleet().proxies.length;
      theFleet().replace(Array.from({ length: command.count }, () => replaced++ % count));
      return DONE;
    }
    case "verify":
      return { tag: "verified", ...(await theFleet().verify(command.target, new Set(command.skip))) };
    case "close":
      process.exit(0);
  }
}

process.on("message", ({ id, body }: { readonly id: number; readonly body: ClientCommand }) => {
  run(body).then(
    (answer) => send({ tag: "answer", id, answer }),
    (error: unknown) => send({ tag: "failed", id, reason: error instanceof Error ? error.message : String(error) }),
  );
});
process.once("disconnect", () => process.exit(0));
send({ tag: "ready" });
