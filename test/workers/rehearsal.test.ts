// Workers generate for a proxy that isn't there before the first one comes.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { test } from "node:test";
import { buildView } from "../../src/main/push/proxy-view.ts";
import { typicalProxy } from "../../src/main/streams/typical-proxy.ts";
import { rehearse } from "../../src/workers/rehearsal.ts";
import { generateFor, hashBytes, WorkerMesh } from "../support/worker-mesh.ts";
import { BASE } from "../support/worker-objects.ts";

const ROUTE = `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: a, namespace: default}
spec: {hosts: [a.example.com], http: [{route: [{destination: {host: b.example.com}}]}]}
`;

test("all types are made, and nobody gets anything else for it", () => {
  const mesh = new WorkerMesh([...BASE]);
  const before = mesh.context();
  const { id, view } = mesh.view({ namespace: "default" });
  let hashes = 0;
  const hash = (bytes: Uint8Array): string => {
    hashes++;
    return hashBytes(bytes);
  };
  rehearse(before, view, id, hash, 0);
  assert.equal(hashes, 0, "there is no time");
  rehearse(before, view, id, hash, 60_000);
  assert.ok(hashes > 20, `${hashes} resources were made`);

  const [names, ports] = [["outbound|80||a.example.com"], ["80"]];
  for (const [type, asked] of [
    ["CDS", null],
    ["EDS", names],
    ["LDS", null],
    ["RDS", ports],
  ] as const) {
    assert.deepEqual(
      mesh.generate({ namespace: "other" }, type, asked),
      generateFor(mesh.isolated(), mesh.view({ namespace: "other" }), type, asked).resources,
      type,
    );
  }
});

test("a typical proxy is one of Istio's sidecars, in a mesh of any kind", () => {
  const mesh = WorkerMesh.of(ROUTE);
  const view = buildView(typicalProxy("default", "example.org"), mesh.registry, (text) => text).view;
  assert.equal(view.type, "sidecar");
  assert.equal(view.istioFilters, true);
  assert.equal(view.dnsDomain, "default.svc.example.org");
  rehearse(mesh.context(), view, "v", hashBytes, 60_000);
});

test("what patches need is loaded where there are any, whomever they are for", () => {
  const isLoaded = (): boolean =>
    Object.keys(createRequire(import.meta.url).cache).some((file) => file.endsWith("descriptors.json"));
  const rehearsed = (mesh: WorkerMesh): void => {
    const { id, view } = mesh.view();
    rehearse(mesh.context(), view, id, hashBytes, 0);
  };
  rehearsed(WorkerMesh.of(ROUTE));
  assert.equal(isLoaded(), false);
  rehearsed(
    WorkerMesh.of(`
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: f, namespace: elsewhere}
spec: {configPatches: [{applyTo: CLUSTER, patch: {operation: MERGE, value: {connect_timeout: 3s}}}]}
`),
  );
  assert.equal(isLoaded(), true);
});
