// Which providers' logs Telemetry gives which places, and which lines of them.
// https://istio.io/latest/docs/reference/config/telemetry/#AccessLogging
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type Levels,
  leftOut,
  levels,
  observed,
  observedAt,
  type Place,
  ROOT,
  telemetry,
} from "../../../support/telemetry.ts";
import { show } from "../../../support/worker-behaviour.ts";
import type { Json } from "../../../support/worker-json.ts";

const PLACES: readonly Place[] = ["http in", "tcp in", "http out", "tcp out"];

/** Each provider writes to a file of its own name. */
const PROVIDERS = ["a", "b", "c"].map((name) => ({ name, envoyFileAccessLog: { path: `/${name}` } }));

const named = (...names: string[]): object => ({ providers: names.map((name) => ({ name })) });
const OFF = { disabled: true };
const CLIENT = { match: { mode: "CLIENT" } };
const SERVER = { match: { mode: "SERVER" } };

interface Case extends Levels {
  readonly name: string;
  readonly config?: object;
  /** Files that are logged into, at the server's side and at the client's; with the filter in brackets. */
  readonly server: string;
  readonly client: string;
}

const filtered = (expression: string): object => ({ filter: { expression } });
const DEFAULT_A = { defaultProviders: { accessLogging: ["a"] } };

const CASES: readonly Case[] = [
  { name: "nobody says anything", server: "", client: "" },
  { name: "the mesh has a default", config: DEFAULT_A, server: "/a", client: "/a" },
  { name: "a provider is named", root: [named("b")], config: DEFAULT_A, server: "/b", client: "/b" },
  { name: "a name's case doesn't count", root: [named("B")], server: "/b", client: "/b" },
  { name: "several are named, out of order", root: [named("c", "a")], server: "/a /c", client: "/a /c" },
  { name: "several entries add up", root: [named("a"), named("b")], server: "/a /b", client: "/a /b" },
  { name: "a closer level replaces the providers", root: [named("a")], own: [named("b")], server: "/b", client: "/b" },
  {
    name: "the workload's own level is the closest",
    root: [named("a")],
    own: [named("b")],
    chosen: [named("c")],
    server: "/c",
    client: "/c",
  },
  {
    name: "an entry without providers is about inherited ones",
    root: [named("a")],
    own: [OFF],
    server: "",
    client: "",
  },
  { name: "the default is switched off", config: DEFAULT_A, own: [OFF], server: "", client: "" },
  {
    name: "what is off is switched on again",
    config: DEFAULT_A,
    root: [OFF],
    own: [{ disabled: false }],
    server: "/a",
    client: "/a",
  },
  {
    name: "each mode has its own",
    root: [
      { ...CLIENT, ...named("a") },
      { ...SERVER, ...named("b") },
      { match: { mode: "CLIENT_AND_SERVER" }, ...named("c") },
    ],
    server: "/b /c",
    client: "/a /c",
  },
  {
    name: "an entry for one mode takes the default from the other",
    config: DEFAULT_A,
    own: [{ ...SERVER, ...OFF }],
    server: "",
    client: "",
  },
  { name: "an expression filters", root: [{ ...named("a"), ...filtered("x") }], server: "/a[x]", client: "/a[x]" },
  {
    name: "each mode has its filter",
    root: [
      { ...CLIENT, ...named("a"), ...filtered("x") },
      { ...SERVER, ...named("a"), ...filtered("y") },
    ],
    server: "/a[y]",
    client: "/a[x]",
  },
  {
    name: "the closest entry that names the provider has the filter",
    root: [{ ...named("a"), ...filtered("x") }],
    own: [named("a")],
    server: "/a",
    client: "/a",
  },
  {
    name: "where nothing is found the mesh's own file is used",
    config: { accessLogFile: "/mesh" },
    own: [named("missing")],
    server: "/mesh",
    client: "/mesh",
  },
  {
    name: "what is switched off isn't replaced by the mesh's own file",
    config: { accessLogFile: "/mesh" },
    own: [{ ...named("a"), ...OFF }],
    server: "",
    client: "",
  },
];

for (const { name, config = {}, server, client, ...stated } of CASES) {
  test(name, () => {
    const documents = levels("accessLogging", stated);
    const mesh = observed(documents, { extensionProviders: PROVIDERS, ...config });
    for (const place of PLACES) {
      const written = observedAt(mesh, place).logs.map((log) => {
        const { extensionFilter } = (log.filter ?? {}) as { extensionFilter?: { typedConfig: Json } };
        return `${log.typedConfig.path}${extensionFilter ? `[${extensionFilter.typedConfig.expression}]` : ""}`;
      });
      assert.equal(written.join(" "), place.endsWith(" in") ? server : client, place);
    }
  });
}

test("the oldest Telemetry without a selector counts for a namespace, and all that choose a workload do", () => {
  const selector = { matchLabels: { app: "x" } };
  const documents = [
    telemetry("young", { accessLogging: [named("a")] }, { age: 2 }),
    telemetry("old", { accessLogging: [named("b")] }, { age: 1 }),
    telemetry("one", { selector, accessLogging: [{ ...CLIENT, ...named("a") }] }, { age: 3 }),
    telemetry("two", { selector, accessLogging: [{ ...SERVER, ...named("c") }] }, { age: 4 }),
    telemetry("elsewhere", { accessLogging: [OFF] }, { namespace: "other" }),
  ];
  const files = (mesh: ReturnType<typeof observed>, place: Place): unknown[] =>
    observedAt(mesh, place).logs.map((log) => log.typedConfig.path);
  const config = { extensionProviders: PROVIDERS };
  assert.deepEqual(files(observed(documents.slice(0, 2), config), "http in"), ["/b"]);
  assert.deepEqual(files(observed(documents, config), "http in"), ["/c"]);
  assert.deepEqual(files(observed(documents, config), "tcp out"), ["/a"]);
});

test("a listener logs what no chain took, if the expression says so too", () => {
  const root = telemetry("t", { accessLogging: [{ ...named("a"), ...filtered("x") }, named("b")] }, ROOT);
  const { virtualInbound } = show(observed([root], { extensionProviders: PROVIDERS }), "LDS", { ip: "10.0.0.1" });
  const logs = virtualInbound!.accessLog as readonly { readonly filter: Json }[];
  const untaken = { responseFlagFilter: { flags: ["NR"] } };
  assert.deepEqual(logs[0]!.filter, {
    andFilter: {
      filters: [
        untaken,
        {
          extensionFilter: {
            name: "envoy.access_loggers.extension_filters.cel",
            typedConfig: {
              "@type": "type.googleapis.com/envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter",
              expression: "x",
            },
          },
        },
      ],
    },
  });
  assert.deepEqual(logs[1]!.filter, untaken);
});

test("providers that can't be sent logs are named with who asked for them", () => {
  const own = telemetry("t", { accessLogging: [named("missing", "prometheus", "gone", "a")] });
  const gone = { name: "gone", envoyTcpAls: { service: "gone.example.com", port: 1 } };
  const config = { extensionProviders: [...PROVIDERS, gone], defaultProviders: { accessLogging: ["nowhere"] } };
  assert.deepEqual(leftOut(observed([own], config)).sort(), [
    "Telemetry/default/t: accessLogging: provider gone: there is no service gone.example.com",
    "Telemetry/default/t: accessLogging: provider missing: the mesh's settings have no extension provider of this name",
    "Telemetry/default/t: accessLogging: provider prometheus: a provider of this kind takes no access logs",
  ]);
  assert.deepEqual(leftOut(observed([], config)), [
    ": accessLogging: provider nowhere: the mesh's settings have no extension provider of this name",
  ]);
});

test("a filter without providers is for none, and that is said", () => {
  const own = telemetry("t", { accessLogging: [filtered("x")] });
  const mesh = observed([own], { extensionProviders: PROVIDERS, ...DEFAULT_A });
  assert.deepEqual(
    observedAt(mesh, "tcp in").logs.map(({ filter }) => filter),
    [undefined],
  );
  assert.deepEqual(leftOut(mesh), [
    "Telemetry/default/t: accessLogging: a filter counts only where its entry names providers",
  ]);
});
