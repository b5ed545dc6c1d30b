// Rules that Envoy checks when it takes a resource, beyond the schema: a listener or assignment that breaks one is refused as
// a whole, so one object's fault would keep everybody else's change from a proxy.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { assertLike, doc, HTTP_80, host, meshOf, show, to } from "../../support/worker-behaviour.ts";
import type { Json } from "../../support/worker-json.ts";
import { decoded, edsNames, routeNames } from "../../support/worker-json.ts";
import { WorkerMesh } from "../../support/worker-mesh.ts";
import { meshObjects } from "../../support/worker-objects.ts";
import { envoySpec, proxySpec, settings } from "../../support/worker-proxies.ts";

/** MIZZEN_TEST_RUNS=3000 looks harder. */
const RUNS = Number(process.env.MIZZEN_TEST_RUNS ?? 150);
/** The same meshes each time, unless told otherwise; fast-check prints it with what fails. */
const SEED = Number(process.env.MIZZEN_TEST_SEED ?? 1);

interface ListenerJson extends Json {
  readonly filterChains?: readonly { readonly filterChainMatch?: Json; readonly filters?: readonly Json[] }[];
}

/** No two chains of a listener have the same match, and each ends somewhere. */
function assertChains(name: string, listener: ListenerJson): void {
  const chains = listener.filterChains ?? [];
  assert.ok(chains.length > 0, `${name} has no chain`);
  const single = chains.flatMap(({ filterChainMatch: match = {} }) => {
    const names = (match.serverNames ?? [""]) as string[];
    const protocols = (match.applicationProtocols ?? [""]) as string[];
    const ranges = (match.prefixRanges ?? [""]) as unknown[];
    const rest = { ...match, serverNames: [], applicationProtocols: [], prefixRanges: [] };
    return names.flatMap((n) => protocols.flatMap((p) => ranges.map((r) => JSON.stringify([n, p, r, sorted(rest)]))));
  });
  const twice = single.filter((match, i) => single.indexOf(match) !== i);
  assert.deepEqual(twice, [], `matches that ${name} has twice`);
  for (const chain of chains) assert.ok((chain.filters ?? []).length > 0, `${name} has a chain without filters`);
}

function sorted(match: Json): [string, unknown][] {
  return Object.entries(match).sort(([a], [b]) => (a < b ? -1 : 1));
}

/** Sums of weights may not be zero, in no part of a resource. */
function assertWeights(value: unknown): void {
  if (value === null || typeof value !== "object") return;
  const { weightedClusters } = value as { weightedClusters?: { clusters?: readonly { weight?: number }[] } };
  if (weightedClusters) {
    const total = (weightedClusters.clusters ?? []).reduce((sum, c) => sum + (c.weight ?? 0), 0);
    assert.ok(total > 0, JSON.stringify(weightedClusters));
  }
  for (const inner of Object.values(value)) assertWeights(inner);
}

test("listeners have each match and each address once", () => {
  fc.assert(
    fc.property(meshObjects, settings, envoySpec, (objects, config, spec) => {
      const mesh = new WorkerMesh(objects.flat(), config);
      const listeners = show(mesh, "LDS", spec);
      const addresses = Object.values(listeners).map((l) => JSON.stringify(l.address));
      assert.equal(new Set(addresses).size, addresses.length, addresses.join());
      for (const [name, listener] of Object.entries(listeners)) assertChains(name, listener);
      assertWeights(listeners);
    }),
    { numRuns: RUNS, seed: SEED },
  );
});

test("priorities start at zero without gaps, and weights are never zero", () => {
  fc.assert(
    fc.property(meshObjects, settings, proxySpec, (objects, config, spec) => {
      const mesh = new WorkerMesh(objects.flat(), config);
      const clusters = show(mesh, "CDS", spec);
      const assignments = [
        ...Object.values(show(mesh, "EDS", spec, edsNames(clusters))),
        ...Object.values(clusters).flatMap((c) => (c.loadAssignment ? [c.loadAssignment as Json] : [])),
      ];
      for (const { endpoints = [], clusterName } of assignments) {
        const localities = endpoints as { priority?: number; loadBalancingWeight?: number }[];
        const used = [...new Set(localities.map((l) => l.priority ?? 0))].sort((a, b) => a - b);
        assert.deepEqual(used, [...used.keys()], `priorities of ${clusterName}`);
        for (const l of localities) assert.notEqual(l.loadBalancingWeight, 0, `weights of ${clusterName}`);
      }
      assertWeights(decoded("RDS", mesh.generate(spec, "RDS", routeNames(show(mesh, "LDS", spec)))));
    }),
    { numRuns: RUNS, seed: SEED },
  );
});

const ROUTER = { type: "router", labels: { istio: "gateway" } } as const;
const PASSTHROUGH = { number: 443, name: "tls", protocol: "TLS" };

function gateway(servers: readonly object[]): object {
  return doc("Gateway", "gw", { selector: { istio: "gateway" }, servers });
}

function tlsRoute(name: string, sni: string, destination: string): object {
  const route = { match: [{ sniHosts: [sni] }], ...to(destination) };
  return doc("VirtualService", name, { hosts: [sni], gateways: ["gw"], tls: [route] }, { age: name === "one" ? 1 : 2 });
}

test("of two VirtualServices for one name of a server that passes TLS on, the older one counts", () => {
  const server = { port: PASSTHROUGH, hosts: ["*"], tls: { mode: "PASSTHROUGH" } };
  const routes = [tlsRoute("two", "x.example.com", "b"), tlsRoute("one", "x.example.com", "a")];
  const listeners = show(meshOf([host("a"), host("b"), gateway([server]), ...routes]), "LDS", ROUTER);
  assertChains("0.0.0.0_443", listeners["0.0.0.0_443"] as ListenerJson);
  assertLike(listeners["0.0.0.0_443"], {
    filterChains: [{ filters: [{ typedConfig: { cluster: "outbound|80||a.example.com" } }] }],
  });
});

test("a name of a server that ends TLS isn't passed on by another one", () => {
  const ends = {
    port: { number: 443, name: "https", protocol: "HTTPS" },
    hosts: ["x.example.com"],
    tls: { mode: "SIMPLE", credentialName: "c" },
  };
  const passes = { port: PASSTHROUGH, hosts: ["*.example.com"], tls: { mode: "PASSTHROUGH" } };
  const mesh = meshOf([host("a"), gateway([ends, passes]), tlsRoute("one", "x.example.com", "a")]);
  assertChains("0.0.0.0_443", show(mesh, "LDS", ROUTER)["0.0.0.0_443"] as ListenerJson);
});

test("services that share an address and port share a listener with each match once", () => {
  const port = (protocol: string): object => ({
    addresses: ["10.1.0.1"],
    ports: [{ ...HTTP_80, name: "p", protocol }],
  });
  for (const protocol of ["TCP", "TLS", ""]) {
    const listeners = show(meshOf([host("a", port(protocol)), host("b", port(protocol))]), "LDS");
    for (const [name, listener] of Object.entries(listeners)) assertChains(name, listener);
  }
});
