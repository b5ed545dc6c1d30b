// The client side of a benchmark, in a process of its own: holds many proxies and reports what reached them, and when.
// Forked by bench/push; messages are the types below.
import { AdsClient, type Mode } from "./ads-client.ts";
import type { BenchNode } from "./synthetic-mesh.ts";

export type ClientCommand =
  | { readonly tag: "connect"; readonly target: string; readonly mode: Mode; readonly nodes: readonly BenchNode[] }
  /** Counts from here on, and watches for bytes that a change will bring. */
  | { readonly tag: "watch"; readonly marker: string }
  | { readonly tag: "close" };

export type ClientReport =
  | { readonly tag: "ready" }
  /** All proxies have all that they asked for, or what the watch waits for. Times are of the wall clock. */
  | { readonly tag: "reached"; readonly at: readonly number[]; readonly counts: Counts }
  | { readonly tag: "failed"; readonly reason: string };

export interface Counts {
  readonly responses: number;
  readonly bytes: number;
}

const clients: AdsClient[] = [];
let marker: Buffer | undefined;
let reached = new Set<number>();
let times: number[] = [];
let responses = 0;
let bytes = 0;

function report(message: ClientReport): void {
  process.send?.(message);
}

function arrive(index: number): void {
  if (reached.has(index)) return;
  reached.add(index);
  times.push(Date.now());
  // Answers that come right behind still count.
  if (reached.size === clients.length) setTimeout(finish, 300);
}

function finish(): void {
  report({ tag: "reached", at: times, counts: { responses, bytes } });
}

function restart(next: Buffer | undefined): void {
  marker = next;
  reached = new Set();
  times = [];
  responses = 0;
  bytes = 0;
}

function connect(command: Extract<ClientCommand, { tag: "connect" }>): void {
  restart(undefined);
  let closing = false;
  process.once("disconnect", () => {
    closing = true;
  });
  command.nodes.forEach((node, index) => {
    clients.push(
      new AdsClient(command.target, command.mode, node, {
        onResponse(_type, body) {
          responses++;
          bytes += body.length;
          if (marker && body.includes(marker)) arrive(index);
        },
        onComplete: () => arrive(index),
        onEnd: (reason) => {
          if (!closing) report({ tag: "failed", reason });
        },
      }),
    );
  });
}

process.on("message", (command: ClientCommand) => {
  if (command.tag === "connect") connect(command);
  else if (command.tag === "watch") {
    restart(Buffer.from(command.marker));
    report({ tag: "ready" });
  } else process.exit(0);
});
process.once("disconnect", () => process.exit(0));
report({ tag: "ready" });
