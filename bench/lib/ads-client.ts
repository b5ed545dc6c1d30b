// One proxy of a benchmark: an ADS stream that subscribes as a starting Envoy does, and acknowledges everything.
// It parses the frame of a response, and a resource only when nobody in this process has parsed the same bytes before.
import grpc from "@grpc/grpc-js";
import { envoy as discovery, type google } from "../../src/shared/gen/discovery.js";
import { TYPE_URL, type XdsType, xdsTypeOf } from "../../src/shared/xds-types.ts";
import { edsNames, routeNames } from "./resource-names.ts";
import type { BenchNode } from "./synthetic-mesh.ts";

export type Mode = "sotw" | "delta";

export interface ClientEvents {
  /** A response came, with its raw bytes. */
  onResponse(type: XdsType, bytes: Buffer): void;
  /** All that a starting proxy waits for is there. */
  onComplete(): void;
  onEnd(reason: string): void;
}

const { DiscoveryRequest, DiscoveryResponse, DeltaDiscoveryRequest, DeltaDiscoveryResponse } =
  discovery.service.discovery.v3;
const METHODS = "/envoy.service.discovery.v3.AggregatedDiscoveryService/";
const MAX_MESSAGE_BYTES = 256 << 20;

export class AdsClient {
  private readonly connection: grpc.Client;
  private readonly stream: grpc.ClientDuplexStream<Buffer, Buffer>;
  private readonly mode: Mode;
  private readonly events: ClientEvents;
  private readonly subscribed = new Map<XdsType, readonly string[]>();
  private readonly answered = new Set<XdsType>();
  private complete = false;

  constructor(target: string, mode: Mode, node: BenchNode, events: ClientEvents) {
    this.mode = mode;
    this.events = events;
    this.connection = new grpc.Client(target, grpc.credentials.createInsecure(), {
      "grpc.max_receive_message_length": MAX_MESSAGE_BYTES,
      // A connection of its own, as a proxy has.
      "grpc.use_local_subchannel_pool": 1,
    });
    const method = `${METHODS}${mode === "sotw" ? "StreamAggregatedResources" : "DeltaAggregatedResources"}`;
    const asIs = (bytes: Buffer): Buffer => bytes;
    this.stream = this.connection.makeBidiStreamRequest(method, asIs, asIs);
    this.stream.on("data", (bytes: Buffer) => this.receive(bytes));
    this.stream.on("error", (error) => events.onEnd(error.message));
    this.stream.on("end", () => events.onEnd("the server ended the stream"));
    this.subscribe("CDS", [], nodeMessage(node));
  }

  close(): void {
    this.stream.cancel();
    this.connection.close();
  }

  private receive(bytes: Buffer): void {
    const message = this.mode === "sotw" ? DiscoveryResponse.decode(bytes) : DeltaDiscoveryResponse.decode(bytes);
    const type = xdsTypeOf(message.typeUrl);
    if (!type) return;
    this.events.onResponse(type, bytes);
    this.acknowledge(type, message.nonce, "versionInfo" in message ? message.versionInfo : "");
    this.answered.add(type);
    const values = message.resources.map((one) => resourceValue(one));
    if (type === "CDS") this.follow("EDS", values.flatMap(edsNames));
    if (type === "LDS") this.follow("RDS", values.flatMap(routeNames));
    if (type === "EDS" && !this.subscribed.has("LDS")) this.subscribe("LDS", []);
    if (!this.complete && (["CDS", "EDS", "LDS", "RDS"] as const).every((one) => this.answered.has(one))) {
      this.complete = true;
      this.events.onComplete();
    }
  }

  /** Subscribes to names that were not asked for yet; with delta, names that went stay subscribed. */
  private follow(type: XdsType, names: readonly string[]): void {
    const before = this.subscribed.get(type);
    const all = [...new Set([...(this.mode === "delta" ? (before ?? []) : []), ...names])].sort();
    if (before && before.length === all.length && before.every((name, index) => name === all[index])) return;
    this.subscribe(type, all);
  }

  private subscribe(type: XdsType, names: readonly string[], node?: object): void {
    const before = new Set(this.subscribed.get(type));
    this.subscribed.set(type, names);
    const typeUrl = TYPE_URL[type];
    const request =
      this.mode === "sotw"
        ? DiscoveryRequest.encode({ typeUrl, resourceNames: [...names], ...(node ? { node } : {}) })
        : DeltaDiscoveryRequest.encode({
            typeUrl,
            resourceNamesSubscribe: names.filter((name) => !before.has(name)),
            ...(node ? { node } : {}),
          });
    this.stream.write(Buffer.from(request.finish()));
  }

  private acknowledge(type: XdsType, responseNonce: string, versionInfo: string): void {
    const typeUrl = TYPE_URL[type];
    const resourceNames = [...(this.subscribed.get(type) ?? [])];
    const request =
      this.mode === "sotw"
        ? DiscoveryRequest.encode({ typeUrl, resourceNames, responseNonce, versionInfo })
        : DeltaDiscoveryRequest.encode({ typeUrl, responseNonce });
    this.stream.write(Buffer.from(request.finish()));
  }
}

function resourceValue(one: { value?: unknown; resource?: unknown }): Uint8Array {
  const any = (one.resource ?? one) as { value?: Uint8Array };
  return any.value ?? new Uint8Array();
}

function nodeMessage({ id, cluster, metadata }: BenchNode): object {
  return { id, cluster, metadata: structOf(metadata), userAgentName: "envoy" };
}

function structOf(fields: Readonly<Record<string, unknown>>): google.protobuf.Struct.$Properties {
  return { fields: Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, protoValue(value)])) };
}

function protoValue(value: unknown): google.protobuf.Value.$Properties {
  if (typeof value === "string") return { stringValue: value };
  return { structValue: structOf(value as Record<string, unknown>) };
}
