// The debug endpoints, under istiod's paths. Main thread.
import type { ResourceCache } from "../cache/resource-cache.ts";
import type { Planner, ResourceProvider, SnapshotSource } from "../push/contracts.ts";
import type { PushLedger } from "../push/push-ledger.ts";
import type { Intake } from "../registry/intake.ts";
import type { Registry } from "../registry/registry.ts";
import type { ProxyStream } from "../streams/stream-observer.ts";
import type { StreamSet } from "../streams/stream-set.ts";
import { configDump, DUMP_TYPES } from "./config-dump.ts";
import { type HttpAnswer, jsonAnswer, type Route } from "./http-server.ts";
import type { Profiler } from "./pprof.ts";
import { configView, connectionsView, syncView } from "./proxy-views.ts";
import { endpointShardsView, registryView } from "./registry-views.ts";
import type { ResourceJson } from "./resource-json.ts";

/** What the pages show. */
export interface DebugSources {
  readonly registry: Registry;
  readonly intake: Intake;
  readonly streams: StreamSet;
  readonly ledger: PushLedger;
  readonly cache: ResourceCache;
  readonly snapshots: SnapshotSource;
  readonly planner: Planner;
  readonly provider: ResourceProvider;
  /** Undefined: without profiles. */
  readonly profiler: Profiler | undefined;
  /** Looks at everything for everybody again. */
  readonly pushAll: () => void;
}

interface DebugPage {
  readonly help: string;
  readonly answer: Route;
}

/** All pages with the index of them. */
export function debugRoutes(sources: DebugSources): Map<string, Route> {
  const pages = debugPages(sources);
  const routes = new Map<string, Route>([["/debug", () => index(pages)]]);
  for (const [path, page] of pages) routes.set(path, page.answer);
  routes.set("/debug/list", () => jsonAnswer([...pages.keys()]));
  return routes;
}

function debugPages(sources: DebugSources): Map<string, DebugPage> {
  const { registry, intake, streams, ledger, cache } = sources;
  let json: Promise<ResourceJson> | undefined;
  const resourceJson = (): Promise<ResourceJson> => {
    json ??= import("./resource-json.ts").then((module) => new module.ResourceJson());
    return json;
  };
  const dumpDeps = { ...sources, json: resourceJson };
  const forProxy =
    (show: (stream: ProxyStream) => Promise<HttpAnswer>): Route =>
    ({ query }) => {
      const id = query.get("proxyID") ?? "";
      const stream = findStream(sources, id);
      return stream ? show(stream) : unknownProxy(sources, id);
    };
  const endpoints: DebugPage = {
    help: "Endpoints of each service, by shard",
    answer: () => jsonAnswer(endpointShardsView(registry)),
  };
  return new Map<string, DebugPage>([
    [
      "/debug/pushz",
      { help: "The latest pushes: why, to whom, what changed, how long", answer: () => jsonAnswer(ledger.records()) },
    ],
    [
      "/debug/adsz",
      {
        help: "Connected proxies; ?push=true compares all they have with what is generated now",
        answer: ({ query }) => {
          if (query.get("push") !== "true") return jsonAnswer(connectionsView(streams.all()));
          sources.pushAll();
          return { body: `Pushed to ${streams.size} servers\n` };
        },
      },
    ],
    [
      "/debug/connections",
      { help: "Number of connected proxies", answer: () => jsonAnswer({ totalClients: streams.size }) },
    ],
    [
      "/debug/syncz",
      { help: "What each proxy was sent and has acknowledged", answer: () => jsonAnswer(syncView(streams.all())) },
    ],
    ["/debug/configz", { help: "Istio's objects", answer: () => jsonAnswer(configView(registry)) }],
    ["/debug/registryz", { help: "Services", answer: () => jsonAnswer(registryView(registry)) }],
    ["/debug/endpointShardz", endpoints],
    ["/debug/endpointz", { ...endpoints, help: "As endpointShardz" }],
    [
      "/debug/config_dump",
      {
        help: "What is generated for a proxy: ?proxyID=name.namespace",
        answer: forProxy(async (stream) => jsonAnswer(await configDump(stream, dumpDeps, DUMP_TYPES))),
      },
    ],
    [
      "/debug/edsz",
      {
        help: "A proxy's endpoints: ?proxyID=name.namespace",
        answer: forProxy(async (stream) => jsonAnswer(await configDump(stream, dumpDeps, ["EDS"]))),
      },
    ],
    [
      "/debug/clusterz",
      {
        help: "A proxy's clusters: ?proxyID=name.namespace",
        answer: forProxy(async (stream) => jsonAnswer(await configDump(stream, dumpDeps, ["CDS"]))),
      },
    ],
    ["/debug/mesh", { help: "The mesh settings in force", answer: () => jsonAnswer(registry.mesh.mesh) }],
    ["/debug/networkz", { help: "The networks in force", answer: () => jsonAnswer(registry.mesh.networks) }],
    [
      "/debug/rejectionz",
      {
        help: "Configuration that was rejected, by file",
        answer: () => jsonAnswer(Object.fromEntries(intake.allRejections())),
      },
    ],
    [
      "/debug/cachez",
      {
        help: "The cache of generated resources; ?clear=true empties it",
        answer: ({ query }) => {
          if (query.get("clear") === "true") cache.clear();
          return jsonAnswer(cache.stats());
        },
      },
    ],
    ...(sources.profiler?.routes() ?? []),
  ]);
}

/** By the proxy's id, or by its id and the number of its connection. */
function findStream({ streams }: DebugSources, id: string): ProxyStream | undefined {
  for (const stream of streams.all()) {
    if (stream.identity.id === id || stream.connectionId === id) return stream;
  }
  return undefined;
}

function unknownProxy({ streams }: DebugSources, id: string): HttpAnswer {
  const known = [...streams.all()].slice(0, 20).map((stream) => stream.identity.id);
  const text = id === "" ? "You must provide a proxyID in the query string" : `Proxy ${id} is not connected`;
  return { status: id === "" ? 400 : 404, body: `${text}\nconnected: ${known.join(", ") || "none"}\n` };
}

function index(pages: ReadonlyMap<string, DebugPage>): HttpAnswer {
  const rows = [...pages].map(([path, { help }]) => `<tr><td><a href="${path}">${path}</a></td><td>${help}</td></tr>`);
  return {
    type: "text/html; charset=utf-8",
    body: [
      "<!doctype html><html><head><title>Mizzen: debug</title>",
      "<style>body{font:15px system-ui;margin:2em}td{padding:.2em 1.5em .2em 0}</style></head>",
      `<body><h1>Mizzen: debug endpoints</h1><table>${rows.join("\n")}</table></body></html>\n`,
    ].join("\n"),
  };
}
