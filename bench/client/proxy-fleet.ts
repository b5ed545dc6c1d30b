// All proxies of a client process with their connections.
import type http2 from "node:http2";
import { setTimeout as sleep } from "node:timers/promises";
import type { XdsType } from "../../src/shared/xds-types.ts";
import type { BenchNode } from "../mesh/nodes.ts";
import { AdsProxy, type OpenStream, type ProxyKit } from "./ads-proxy.ts";
import { AskedNamesTable } from "./asked-names.ts";
import { type Content, Contents } from "./contents.ts";
import { connect, openStream } from "./grpc-stream.ts";
import { differencesOf } from "./held-resources.ts";
import type { ConnectCommand } from "./messages.ts";
import { type Relay, startRelay } from "./relay.ts";
import type { ResponseFrame } from "./response-frame.ts";

export interface FleetEvents {
  onResponse(proxy: number, type: XdsType, bytes: number, frame: ResponseFrame, content: () => Content): void;
  onComplete(proxy: number): void;
  onEnd(proxy: number, reason: string): void;
}

/** New streams that are compared at once, and how long one is given to be complete. */
const COMPARED_AT_ONCE = 20;
const COMPLETE_TIMEOUT_MS = 30_000;
/** Answers that come behind the last expected one. */
const AFTERMATH_MS = 200;

export class ProxyFleet {
  readonly proxies: AdsProxy[] = [];
  private readonly sessions = new Map<number, http2.ClientHttp2Session>();
  private readonly ended = new Set<number>();
  private readonly relays = new Map<number, Relay>();
  private readonly command: ConnectCommand;
  private readonly events: FleetEvents;
  private readonly kit: ProxyKit;

  constructor(command: ConnectCommand, events: FleetEvents) {
    this.command = command;
    this.events = events;
    this.kit = kitOf(command);
  }

  /** Opens all streams at once. */
  async start(): Promise<void> {
    for (const proxy of this.command.relayed) this.relays.set(proxy, await startRelay(this.command.target));
    this.command.nodes.forEach((node, index) => {
      this.proxies.push(this.proxyAt(index, node));
      this.open(index, this.command.target);
    });
  }

  /** New streams for all whose stream has ended. */
  reconnect(target: string): void {
    const indices = [...this.ended];
    this.ended.clear();
    this.sessions.clear();
    for (const index of indices) this.open(index, target);
  }

  /** Proxies go, and others come in their place: pods that are replaced. */
  replace(indices: readonly number[]): void {
    for (const index of indices) {
      this.proxies[index]!.close();
      if (this.command.perConnection === 1) {
        this.sessions.get(index)?.close();
        this.sessions.delete(index);
      }
      this.proxies[index] = this.proxyAt(index, this.command.nodes[index]!);
      this.open(index, this.command.target);
    }
  }

  stall(proxy: number, stalled: boolean): void {
    const relay = this.relays.get(proxy);
    if (!relay) throw new Error(`proxy ${proxy} is not relayed, and can't be stalled`);
    relay.stall(stalled);
  }

  /** What differs between what the proxies have and what new streams of the same proxies get. */
  async verify(target: string, skip: ReadonlySet<number>): Promise<{ equal: number; differences: readonly string[] }> {
    const indices = this.proxies.map((_, index) => index).filter((index) => !skip.has(index));
    const kit = kitOf(this.command);
    const differences: string[] = [];
    let equal = 0;
    for (let from = 0; from < indices.length; from += COMPARED_AT_ONCE) {
      const some = indices.slice(from, from + COMPARED_AT_ONCE);
      const found = await Promise.all(some.map((index) => compare(this.proxies[index]!, kit, target)));
      equal += found.filter((lines) => lines.length === 0).length;
      differences.push(...found.flat());
    }
    return { equal, differences };
  }

  close(): void {
    for (const relay of this.relays.values()) relay.close();
    for (const session of this.sessions.values()) session.destroy();
  }

  private open(index: number, target: string): void {
    const place = Math.floor(index / this.command.perConnection);
    const session = this.sessions.get(place) ?? connect(this.relays.get(index)?.address ?? target);
    this.sessions.set(place, session);
    const open: OpenStream = (path, handlers) => openStream(session, path, handlers);
    this.proxies[index]!.open(open);
  }

  private proxyAt(index: number, node: BenchNode): AdsProxy {
    return new AdsProxy(node, this.kit, {
      onResponse: (type, bytes, frame, content) => this.events.onResponse(index, type, bytes, frame, content),
      onComplete: () => this.events.onComplete(index),
      onEnd: (reason) => {
        this.ended.add(index);
        this.events.onEnd(index, reason);
      },
    });
  }
}

function kitOf({ mode, remember }: ConnectCommand): ProxyKit {
  const types = ["CDS", "EDS", "LDS", "RDS"] as const;
  const contents = new Map(types.map((type) => [type, new Contents(type, mode, remember)]));
  return { mode, remember, asked: new AskedNamesTable(), contents };
}

async function compare(proxy: AdsProxy, kit: ProxyKit, target: string): Promise<readonly string[]> {
  const session = connect(target);
  let timer: NodeJS.Timeout | undefined;
  try {
    const fresh = await new Promise<AdsProxy>((resolve, reject) => {
      timer = setTimeout(() => reject(new Error("a new stream is not complete in time")), COMPLETE_TIMEOUT_MS);
      const other = new AdsProxy(proxy.node, kit, {
        onResponse: () => undefined,
        onComplete: () => resolve(other),
        onEnd: (reason) => reject(new Error(`a new stream ended: ${reason}`)),
      });
      other.open((path, handlers) => openStream(session, path, handlers));
    });
    await sleep(AFTERMATH_MS);
    const has = proxy.holdings();
    return [...fresh.holdings()].flatMap(([type, { held, asked }]) => {
      const names = type === "CDS" || type === "LDS" ? undefined : asked.names;
      const lines = differencesOf(type, has.get(type)?.held.all() ?? new Map(), held.all(), names);
      return lines.map((line) => `${proxy.node.id}: ${line}`);
    });
  } finally {
    clearTimeout(timer);
    session.destroy();
  }
}
