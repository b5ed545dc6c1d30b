// One proxy of a benchmark: an ADS stream that subscribes as a starting Envoy does (all clusters, then endpoints of those that
// want them, all listeners, then the routes they name), and acknowledges everything.
import { TYPE_URL, type XdsType } from "../../src/shared/xds-types.ts";
import type { BenchNode } from "../mesh/nodes.ts";
import type { AskedNames, AskedNamesTable } from "./asked-names.ts";
import type { Content, Contents } from "./contents.ts";
import type { GrpcStream, StreamHandlers } from "./grpc-stream.ts";
import { HeldResources } from "./held-resources.ts";
import type { Mode } from "./messages.ts";
import { deltaRequest, nodeBytes, sotwRequest } from "./request-frame.ts";
import { type ResponseFrame, readFrame } from "./response-frame.ts";

/** What all proxies of a client process share. */
export interface ProxyKit {
  readonly mode: Mode;
  readonly remember: boolean;
  readonly asked: AskedNamesTable;
  readonly contents: ReadonlyMap<XdsType, Contents>;
}

export interface ProxyEvents {
  /** `content` looks into the resources when it is called. */
  onResponse(type: XdsType, bytes: number, frame: ResponseFrame, content: () => Content): void;
  /** All that a starting proxy waits for is there. Once for each stream. */
  onComplete(): void;
  onEnd(reason: string): void;
}

export type OpenStream = (path: string, handlers: StreamHandlers) => GrpcStream;

interface TypeState {
  asked: AskedNames;
  version: string;
  nonce: string;
  answered: boolean;
  readonly held: HeldResources;
}

const METHODS = "/envoy.service.discovery.v3.AggregatedDiscoveryService/";
/** In the order in which a proxy asks. */
const TYPES = ["CDS", "EDS", "LDS", "RDS"] as const;
type ProxyType = (typeof TYPES)[number];

export class AdsProxy {
  readonly node: BenchNode;
  private readonly kit: ProxyKit;
  private readonly events: ProxyEvents;
  private readonly states = new Map<XdsType, TypeState>();
  private stream: GrpcStream | undefined;
  private complete = false;

  constructor(node: BenchNode, kit: ProxyKit, events: ProxyEvents) {
    this.node = node;
    this.kit = kit;
    this.events = events;
  }

  /** Starts a stream; one after another asks for what the proxy knows, and with delta says what it has. */
  open(openStream: OpenStream): void {
    const method = `${METHODS}${this.kit.mode === "sotw" ? "StreamAggregatedResources" : "DeltaAggregatedResources"}`;
    this.complete = false;
    this.stream = openStream(method, {
      onMessage: (bytes) => this.receive(bytes),
      onEnd: (reason) => this.events.onEnd(reason),
    });
    const known = TYPES.filter((type) => this.states.has(type));
    for (const state of this.states.values()) Object.assign(state, { nonce: "", answered: false });
    let node: Uint8Array | undefined = nodeBytes(this.node);
    for (const type of known.length > 0 ? known : (["CDS"] as const)) {
      this.subscribe(type, node);
      node = undefined;
    }
  }

  close(): void {
    this.stream?.close();
  }

  /** What it has of each type, and what it asks for by name. */
  holdings(): ReadonlyMap<XdsType, { readonly held: HeldResources; readonly asked: AskedNames }> {
    return this.states;
  }

  private receive(bytes: Buffer): void {
    const { mode } = this.kit;
    const frame = readFrame(bytes, mode);
    const { type } = frame;
    const state = type && this.states.get(type);
    if (!type || !state) throw new Error(`a response of a type that was not asked for: ${frame.typeUrl}`);
    let known: Content | undefined;
    const content = (): Content => {
      known ??= this.kit.contents.get(type)!.of(frame.resources);
      return known;
    };
    state.version = frame.version;
    state.nonce = frame.nonce;
    state.answered = true;
    this.acknowledge(type, state);
    const whole = mode === "sotw" && (type === "CDS" || type === "LDS");
    if (this.kit.remember) state.held.apply(content().items, frame.removed, whole);
    if (type === "CDS") this.follow("EDS", content().follows, frame.removed);
    if (type === "LDS") this.follow("RDS", content().follows, []);
    if (!this.states.has("LDS") && this.settled("EDS")) this.subscribe("LDS", undefined);
    this.events.onResponse(type, bytes.length, frame, content);
    if (!this.complete && TYPES.every((one) => this.settled(one))) {
      this.complete = true;
      this.events.onComplete();
    }
  }

  /** Answered, or nothing to ask for once the type before it is answered. */
  private settled(type: ProxyType): boolean {
    const state = this.states.get(type);
    if (state?.answered) return true;
    if (type === "CDS" || type === "LDS") return false;
    return state === undefined && this.settled(type === "EDS" ? "CDS" : "LDS");
  }

  /** Asks for other names when what refers to them has changed. Routes stay asked for with delta. */
  private follow(type: "EDS" | "RDS", names: readonly string[], removed: readonly string[]): void {
    const { mode, asked: table } = this.kit;
    const state = this.states.get(type);
    const before = state?.asked ?? table.none;
    const next = mode === "sotw" ? table.exactly(names, before) : table.changed(before, names, removed);
    if (next === before) return;
    if (!state) {
      this.subscribe(type, undefined, next);
      return;
    }
    state.asked = next;
    if (mode === "sotw") this.acknowledge(type, state);
    else {
      const subscribe = names.filter((name) => !before.names.has(name));
      const unsubscribe = removed.filter((name) => before.names.has(name) && !next.names.has(name));
      this.stream?.send(deltaRequest({ typeUrl: TYPE_URL[type], subscribe, unsubscribe }));
    }
  }

  private subscribe(type: XdsType, node: Uint8Array | undefined, asked = this.kit.asked.none): void {
    const fresh = { asked, version: "", nonce: "", answered: false, held: new HeldResources() };
    const state = this.states.get(type) ?? fresh;
    this.states.set(type, state);
    const typeUrl = TYPE_URL[type];
    if (this.kit.mode === "sotw") {
      this.stream?.send(sotwRequest({ typeUrl, node, version: state.version, names: state.asked.serialized }));
    } else {
      const initial = [...state.held.all()].map(([name, { version }]) => [name, version] as const);
      this.stream?.send(deltaRequest({ typeUrl, node, subscribe: state.asked.names, initial }));
    }
  }

  private acknowledge(type: XdsType, { version, nonce, asked }: TypeState): void {
    const typeUrl = TYPE_URL[type];
    this.stream?.send(
      this.kit.mode === "sotw"
        ? sotwRequest({ typeUrl, version, nonce, names: asked.serialized })
        : deltaRequest({ typeUrl, nonce }),
    );
  }
}
