// What of a port's virtual hosts is carried over when something changes.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { MeshSettings } from "../../../../src/shared/model/mesh.ts";
import type { ServiceRecord } from "../../../../src/shared/model/service.ts";
import type { HostRoutes } from "../../../../src/workers/generators/routes/host-routes.ts";
import type { NamedHosts } from "../../../../src/workers/generators/routes/named-hosts.ts";
import { routeHosts } from "../../../../src/workers/generators/routes/route-hosts.ts";

const MESH = {} as MeshSettings;
const BYTES = new Uint8Array([1]);

const service = (hostname: string): ServiceRecord => ({ hostname }) as ServiceRecord;
const routesTo = (service: ServiceRecord, routes: HostRoutes["routes"] = []): HostRoutes => ({
  ...{ port: 80, services: [service], hosts: [] },
  routes,
});

let named = 0;
function name(sources: readonly HostRoutes[]): NamedHosts {
  named++;
  const hosts = sources.map((source, at) => {
    const service = source.services[0]!;
    const { hostname } = service;
    return { hostname, name: hostname, domains: [hostname], source, at, service };
  });
  const known = new Set(hosts.map(({ hostname }) => hostname));
  return { hosts, known, taken: known };
}

/** The hosts for `sources`, all of them serialized from then on; how often names were found since the last time. */
function ask(key: string, sources: readonly HostRoutes[], mesh = MESH) {
  named = 0;
  const list = routeHosts(key, mesh, sources, name);
  const serialized = list.hosts.filter((_, i) => list.bytes[i] !== undefined).map((host) => host.name);
  list.bytes.fill(BYTES);
  return { list, serialized, named };
}

test("a change of one host's routes leaves the names, and the bytes of all others", () => {
  const [a, b, c] = [service("a"), service("b"), service("c")];
  const sources = [routesTo(a), routesTo(b), routesTo(c)];
  const first = ask("routes", sources);
  assert.deepEqual([first.serialized, first.named], [[], 1]);

  const changed = routesTo(b, [{ name: "new" }]);
  const second = ask("routes", [sources[0]!, changed, { ...sources[2]! }]);
  assert.deepEqual([second.serialized, second.named], [["a", "c"], 0]);
  assert.equal(second.list.hosts[1]!.source, changed);
  assert.equal(second.list.hosts[0], first.list.hosts[0]);

  // A push of the version before may still be under way.
  const again = ask("routes", sources);
  assert.deepEqual([again.serialized, again.named], [["a", "c"], 0]);
  assert.equal(again.list.hosts[1]!.source, sources[1]);
});

test("other hosts, another order or other mesh settings begin anew", () => {
  const [a, b] = [service("a"), service("b")];
  const sources = [routesTo(a), routesTo(b)];
  const others: [readonly HostRoutes[], MeshSettings][] = [
    [[sources[0]!], MESH],
    [[sources[1]!, sources[0]!], MESH],
    [[sources[0]!, routesTo(service("b"))], MESH],
    [[sources[0]!, { ...sources[1]!, port: 81 }], MESH],
    [[sources[0]!, { ...sources[1]!, hosts: ["*.example.com"] }], MESH],
    [sources, {} as MeshSettings],
  ];
  for (const [i, [next, mesh]] of others.entries()) {
    ask(`anew ${i}`, sources);
    const { serialized, named } = ask(`anew ${i}`, next, mesh);
    assert.deepEqual([serialized, named], [[], 1], `case ${i}`);
  }
});
