// Whatever passes validation can be generated from, gives messages that decode, and the same bytes each time.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { DOCUMENTS } from "../../support/worker-arbitraries.ts";
import { decoded, edsNames, routeNames } from "../../support/worker-json.ts";
import { generateFor, WorkerMesh } from "../../support/worker-mesh.ts";
import { meshObjects, validObjects } from "../../support/worker-objects.ts";
import { proxySpec, settings, subscriptions } from "../../support/worker-proxies.ts";

/** MIZZEN_TEST_RUNS=3000 looks harder. */
const RUNS = Number(process.env.MIZZEN_TEST_RUNS ?? 100);

test("most of the random documents pass validation", () => {
  for (const [kind, documents] of Object.entries(DOCUMENTS)) {
    const valid = fc.sample(documents, { numRuns: 100, seed: 1 }).filter((raw) => validObjects(raw).length > 0);
    assert.ok(valid.length >= 75, `${kind}: ${valid.length} of 100`);
  }
});

test("generators take every valid configuration, and their output decodes", () => {
  fc.assert(
    fc.property(meshObjects, settings, proxySpec, (objects, config, spec) => {
      const mesh = new WorkerMesh(objects.flat(), config);
      const clusters = decoded("CDS", mesh.generate(spec, "CDS"));
      const listeners = decoded("LDS", mesh.generate(spec, "LDS"));
      for (const [name, cluster] of Object.entries(clusters)) assert.equal(cluster.name, name);
      for (const [name, listener] of Object.entries(listeners)) assert.equal(listener.name, name);
      decoded("NDS", mesh.generate(spec, "NDS"));
      const endpoints = edsNames(clusters);
      const assignments = decoded("EDS", mesh.generate(spec, "EDS", endpoints));
      assert.deepEqual(Object.keys(assignments), endpoints);
      // A listener that waits for routes that never come would never serve.
      const names = routeNames(listeners);
      const routes = decoded("RDS", mesh.generate(spec, "RDS", names));
      assert.deepEqual(Object.keys(routes).sort(), names, JSON.stringify(spec));
      for (const route of Object.values(routes)) assertDomainsOnce(route);
    }),
    { numRuns: RUNS },
  );
});

/** Envoy rejects a route configuration that has a domain or a virtual host's name twice. */
function assertDomainsOnce(route: Readonly<Record<string, unknown>>): void {
  const hosts = (route.virtualHosts ?? []) as { name: string; domains: string[] }[];
  const domains = hosts.flatMap((h) => h.domains.map((d) => d.toLowerCase()));
  assert.equal(new Set(domains).size, domains.length, `domains of ${route.name}: ${domains.join(" ")}`);
  assert.equal(new Set(hosts.map((h) => h.name)).size, hosts.length, `virtual hosts of ${route.name}`);
}

test("the same input gives the same bytes", () => {
  fc.assert(
    fc.property(meshObjects, proxySpec, (objects, spec) => {
      const mesh = new WorkerMesh(objects.flat());
      const again = new WorkerMesh(objects.flat());
      for (const object of new Set(objects.flat())) again.apply([object]);
      for (const [type, names] of subscriptions(spec)) {
        const once = generateFor(mesh.isolated(), mesh.view(spec), type, names).resources;
        assert.deepEqual(generateFor(mesh.isolated(), mesh.view(spec), type, names).resources, once);
        assert.deepEqual(again.generate(spec, type, names), once);
      }
    }),
    { numRuns: RUNS },
  );
});
