// A real ADS client that behaves as Envoy does, with its acknowledgements in the test's hands.
import * as grpc from "@grpc/grpc-js";
import { envoy } from "../../src/shared/gen/discovery.js";
import { TYPE_URL, type XdsType } from "../../src/shared/xds-types.ts";
import { type DecodedResponse, decodeDeltaResponse, decodeSotwResponse } from "./decoded-response.ts";

export interface FakeEnvoyOptions {
  /** `host:port` of the server. */
  readonly target: string;
  readonly variant: "sotw" | "delta";
  /** Envoy's node id; a sidecar in `default` when absent. */
  readonly nodeId?: string;
  readonly metadata?: Readonly<Record<string, unknown>>;
  /** False: responses wait for `ack` or `nack`. */
  readonly autoAck?: boolean;
  /** False: the first request has no node. */
  readonly sendNode?: boolean;
  /** Credentials of a TLS server; plain text when absent. */
  readonly credentials?: grpc.ChannelCredentials;
  /** How requests are compressed; not at all when absent. */
  readonly compression?: grpc.compressionAlgorithms;
}

interface Waiting {
  readonly type: XdsType | undefined;
  readonly resolve: (response: DecodedResponse) => void;
  readonly reject: (error: Error) => void;
}

const bytes = (buffer: Buffer): Buffer => buffer;

/** One stream to a control plane. */
export class FakeEnvoy {
  /** All that was received, in order. */
  readonly log: DecodedResponse[] = [];
  /** What the proxy has: type to name to content's version (delta) or bytes in hex. */
  readonly state = new Map<XdsType, Map<string, string>>();
  /** The raw stream, for tests that break the protocol. */
  readonly call: grpc.ClientDuplexStream<Buffer, Buffer>;
  autoAck: boolean;
  private readonly options: FakeEnvoyOptions;
  private readonly client: grpc.Client;
  private readonly inbox: DecodedResponse[] = [];
  private readonly waiting: Waiting[] = [];
  private readonly names = new Map<XdsType, Set<string>>();
  private readonly last = new Map<XdsType, DecodedResponse>();
  private readonly status: Promise<grpc.StatusObject>;
  private ended: Error | undefined;
  private sentNode = false;

  constructor(options: FakeEnvoyOptions) {
    this.options = options;
    this.autoAck = options.autoAck ?? true;
    this.client = new grpc.Client(options.target, options.credentials ?? grpc.credentials.createInsecure(), {
      "grpc.max_receive_message_length": -1,
      ...(options.compression === undefined ? {} : { "grpc.default_compression_algorithm": options.compression }),
    });
    const method = options.variant === "sotw" ? "StreamAggregatedResources" : "DeltaAggregatedResources";
    const path = `/envoy.service.discovery.v3.AggregatedDiscoveryService/${method}`;
    this.call = this.client.makeBidiStreamRequest(path, bytes, bytes);
    this.call.on("data", (message: Buffer) => this.receive(message));
    this.call.on("error", () => undefined);
    this.status = new Promise((resolve) => {
      this.call.on("status", (status) => {
        this.fail(new Error(`the stream ended: ${grpc.status[status.code]} ${status.details}`));
        resolve(status);
      });
    });
  }

  /** Subscribes; without names to everything. Names add to those that are subscribed already. */
  subscribe(
    type: XdsType,
    names: readonly string[] = [],
    initialVersions: Readonly<Record<string, string>> = {},
  ): void {
    const all = this.names.get(type) ?? new Set();
    const added = names.filter((name) => !all.has(name));
    for (const name of names) all.add(name);
    this.names.set(type, all);
    if (this.options.variant === "sotw") this.sendSotw(type);
    else this.sendDelta(type, { resourceNamesSubscribe: added, initialResourceVersions: { ...initialVersions } });
  }

  unsubscribe(type: XdsType, names: readonly string[]): void {
    for (const name of names) this.names.get(type)?.delete(name);
    if (this.options.variant === "sotw") this.sendSotw(type);
    else this.sendDelta(type, { resourceNamesUnsubscribe: [...names] });
  }

  ack(response: DecodedResponse): void {
    if (this.options.variant === "sotw") this.sendSotw(response.type);
    else this.sendDelta(response.type, { responseNonce: response.nonce });
  }

  /** Refuses a response, as Envoy does with configuration that it can't use. */
  nack(response: DecodedResponse, message: string): void {
    const errorDetail = { code: 13, message };
    if (this.options.variant === "sotw") this.sendSotw(response.type, errorDetail);
    else this.sendDelta(response.type, { responseNonce: response.nonce, errorDetail });
  }

  /** The next response that no `next` has given yet, of a type or of any. Rejects when the stream ends. */
  next(type?: XdsType): Promise<DecodedResponse> {
    const at = this.inbox.findIndex((response) => type === undefined || response.type === type);
    if (at >= 0) return Promise.resolve(this.inbox.splice(at, 1)[0]!);
    if (this.ended) return Promise.reject(this.ended);
    return new Promise((resolve, reject) => this.waiting.push({ type, resolve, reject }));
  }

  /** Responses that no `next` has given yet. */
  unread(): readonly DecodedResponse[] {
    return this.inbox;
  }

  /** As a starting Envoy: clusters, their endpoints, listeners, and the given routes. */
  async start(routes: readonly string[] = []): Promise<void> {
    this.subscribe("CDS");
    const clusters = await this.next("CDS");
    const eds = [...clusters.resources.keys()].filter((name) => name.startsWith("outbound|"));
    if (eds.length > 0) {
      this.subscribe("EDS", eds);
      await this.next("EDS");
    }
    this.subscribe("LDS");
    await this.next("LDS");
    if (routes.length > 0) {
      this.subscribe("RDS", routes);
      await this.next("RDS");
    }
  }

  /** Versions of all that was received, for a reconnect with delta. */
  versions(type: XdsType): Record<string, string> {
    return Object.fromEntries(this.state.get(type) ?? []);
  }

  /** The status that the server ended the stream with. */
  whenEnded(): Promise<grpc.StatusObject> {
    return this.status;
  }

  async close(): Promise<void> {
    this.call.cancel();
    await this.status;
    this.client.close();
  }

  private receive(message: Buffer): void {
    const { variant } = this.options;
    const response = variant === "sotw" ? decodeSotwResponse(message) : decodeDeltaResponse(message);
    this.log.push(response);
    this.last.set(response.type, response);
    const fullState = variant === "sotw" && (response.type === "CDS" || response.type === "LDS");
    const state = (fullState ? undefined : this.state.get(response.type)) ?? new Map<string, string>();
    this.state.set(response.type, state);
    for (const { name, version, bytes: content } of response.resources.values()) {
      state.set(name, version === "" ? Buffer.from(content).toString("hex") : version);
    }
    for (const name of response.removed) state.delete(name);
    if (this.autoAck) this.ack(response);
    const at = this.waiting.findIndex((w) => w.type === undefined || w.type === response.type);
    if (at < 0) this.inbox.push(response);
    else this.waiting.splice(at, 1)[0]!.resolve(response);
  }

  private fail(error: Error): void {
    this.ended = error;
    for (const { reject } of this.waiting.splice(0)) reject(error);
  }

  private sendSotw(type: XdsType, errorDetail?: { code: number; message: string }): void {
    const { DiscoveryRequest } = envoy.service.discovery.v3;
    const last = this.last.get(type);
    const request = {
      ...this.node(),
      typeUrl: TYPE_URL[type],
      versionInfo: errorDetail ? "" : (last?.version ?? ""),
      responseNonce: last?.nonce ?? "",
      resourceNames: [...(this.names.get(type) ?? [])],
      ...(errorDetail ? { errorDetail } : {}),
    };
    this.call.write(Buffer.from(DiscoveryRequest.encode(request).finish()));
  }

  private sendDelta(type: XdsType, fields: envoy.service.discovery.v3.DeltaDiscoveryRequest.$Properties): void {
    const { DeltaDiscoveryRequest } = envoy.service.discovery.v3;
    const request = { ...this.node(), typeUrl: TYPE_URL[type], ...fields };
    this.call.write(Buffer.from(DeltaDiscoveryRequest.encode(request).finish()));
  }

  private node(): { node?: envoy.config.core.v3.Node.$Properties } {
    if (this.sentNode || this.options.sendNode === false) return {};
    this.sentNode = true;
    const { nodeId = "sidecar~10.1.1.1~app-1.default~default.svc.cluster.local", metadata = {} } = this.options;
    return { node: { id: nodeId, cluster: "app", metadata: struct(metadata), userAgentName: "envoy" } };
  }
}

function struct(json: Readonly<Record<string, unknown>>): { fields: Record<string, object> } {
  return { fields: Object.fromEntries(Object.entries(json).map(([name, value]) => [name, structValue(value)])) };
}

function structValue(value: unknown): object {
  if (typeof value === "string") return { stringValue: value };
  if (typeof value === "number") return { numberValue: value };
  if (typeof value === "boolean") return { boolValue: value };
  if (Array.isArray(value)) return { listValue: { values: value.map(structValue) } };
  return value === null ? { nullValue: 0 } : { structValue: struct(value as Record<string, unknown>) };
}
