// A sidecar's listeners under Telemetry, and what of them is about logs, metrics and traces.
import assert from "node:assert/strict";
import { stringify } from "yaml";
import { served, WORKLOAD } from "./inbound-filters.ts";
import { doc, host, show, TCP_9000 } from "./worker-behaviour.ts";
import type { Json } from "./worker-json.ts";
import { generateFor, meshSettings, type ProxySpec, type WorkerMesh } from "./worker-mesh.ts";

/** A Telemetry of `default`, of the root namespace or of another one. */
export function telemetry(name: string, spec: object, meta: Parameters<typeof doc>[3] = {}): object {
  return doc("Telemetry", name, spec, meta);
}

/** For a Telemetry that is for the whole mesh. */
export const ROOT = { namespace: "istio-system" };

/** Entries of the root namespace's Telemetry, of the own namespace's, and of one that chooses the workload. */
export interface Levels {
  readonly root?: readonly object[];
  readonly own?: readonly object[];
  readonly chosen?: readonly object[];
}

/** The Telemetries of the levels that there are. */
export function levels(field: "accessLogging" | "metrics" | "tracing", { root, own, chosen }: Levels): object[] {
  return [
    ...(root ? [telemetry("root", { [field]: root }, ROOT)] : []),
    ...(own ? [telemetry("own", { [field]: own })] : []),
    ...(chosen ? [telemetry("chosen", { selector: { matchLabels: { app: "x" } }, [field]: chosen })] : []),
  ];
}

/** Where providers are: `collector.example.com` of namespace `observability`. */
export const COLLECTOR = "collector.example.com";

/** A mesh with the workload, a TCP service that it calls, a collector, and documents. */
export function observed(
  documents: readonly object[],
  config: object = {},
  env: Record<string, string> = {},
): WorkerMesh {
  const called = host("called", { addresses: ["10.1.0.1"], ports: [TCP_9000] });
  const collector = host("collector", {}, { namespace: "observability" });
  return served([called, collector, ...documents], meshSettings(stringify(config), env));
}

export interface LogJson {
  readonly name: string;
  readonly filter?: Json;
  readonly typedConfig: Json;
}

/** What filters of a place have of telemetry. */
export interface Observed {
  readonly logs: readonly LogJson[];
  /** The settings of each metrics filter, without its type. */
  readonly stats: readonly Json[];
  readonly tracing: Json | undefined;
  readonly requestId: Json | undefined;
}

interface Filter {
  readonly name: string;
  readonly typedConfig: Json;
}

/** The places that are looked at: requests and connections, to the workload and from it. */
export type Place = "http in" | "tcp in" | "http out" | "tcp out";

const LISTENERS: Readonly<Record<Place, string>> = {
  "http in": "virtualInbound",
  "tcp in": "virtualInbound",
  "http out": "0.0.0.0_80",
  "tcp out": "10.1.0.1_9000",
};

/** What a place has; all its chains are checked to have the same. */
export function observedAt(mesh: WorkerMesh, place: Place, proxy: ProxySpec = WORKLOAD): Observed {
  const listener = show(mesh, "LDS", proxy)[LISTENERS[place]] as unknown as {
    readonly filterChains: readonly {
      readonly filters: readonly Filter[];
      readonly filterChainMatch?: { readonly destinationPort?: number };
    }[];
  };
  assert.ok(listener, `no listener for ${place}`);
  const port = place === "http in" ? 80 : place === "tcp in" ? 9000 : undefined;
  const chains = listener.filterChains.filter(
    (c) => port === undefined || c.filterChainMatch?.destinationPort === port,
  );
  const found = chains.map(({ filters }) => look(filters));
  assert.ok(found.length > 0, `no chain for ${place}`);
  for (const each of found) assert.deepEqual(each, found[0], "chains of one place differ");
  return found[0]!;
}

function look(filters: readonly Filter[]): Observed {
  const { typedConfig } = filters.at(-1)!;
  const { accessLog = [], tracing, requestIdExtension, httpFilters } = typedConfig;
  const all = (httpFilters ?? filters) as readonly Filter[];
  const stats = all.filter(({ name }) => name === "istio.stats").map((filter) => untyped(filter.typedConfig));
  return {
    logs: accessLog as readonly LogJson[],
    stats,
    tracing: tracing as Json | undefined,
    requestId: (requestIdExtension as { typedConfig: Json } | undefined)?.typedConfig,
  };
}

/** Without the name of its type. */
export function untyped({ "@type": _type, ...content }: Json): Json {
  return content;
}

/** What generators had to leave out, as `object: reason`. */
export function leftOut(mesh: WorkerMesh, proxy: ProxySpec = WORKLOAD): string[] {
  return [...new Set(generateFor(mesh.isolated(), mesh.view(proxy), "LDS", null).warnings)];
}
