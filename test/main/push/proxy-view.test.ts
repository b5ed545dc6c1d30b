// What of a proxy and its workload makes its view: labels, places and addresses.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { ProxyView } from "../../../src/shared/model/view.ts";
import { doc, host, meshOf } from "../../support/worker-behaviour.ts";
import { meshSettings, type ProxySpec } from "../../support/worker-mesh.ts";

const NODE: ProxySpec = { ip: "10.0.0.1", labels: { app: "a", only: "node" }, locality: "r9/z9" };

function selecting(name = "a"): object {
  return host(name, { endpoints: undefined, workloadSelector: { labels: { app: "a" } } });
}

function entry(spec: object = {}): object {
  return doc("WorkloadEntry", "w", { address: "10.0.0.1", labels: { app: "a", version: "v1" }, ...spec });
}

function view(documents: readonly object[], proxy: ProxySpec = NODE): ProxyView {
  return meshOf(documents).view(proxy).view;
}

test("a workload that stands behind a service is chosen by its own labels, not by the node's", () => {
  assert.deepEqual(view([selecting(), entry()]).labels, { app: "a", version: "v1" });
  const statics = { ...NODE, metadata: { STATIC_LABELS: { app: "x", extra: "static" } } };
  assert.deepEqual(view([selecting(), entry()], statics).labels, { app: "a", version: "v1", extra: "static" });
});

test("the node speaks for a workload that stands behind no service, or that isn't known", () => {
  const own = { app: "a", only: "node" };
  assert.deepEqual(view([entry()]).labels, own);
  assert.deepEqual(view([selecting()]).labels, own);
  assert.deepEqual(view([selecting(), entry()], { ...NODE, namespace: "shop" }).labels, own);
});

test("an inline endpoint is a workload too", () => {
  const inline = host("a", { endpoints: [{ address: "10.0.0.1", labels: { app: "inline" } }] });
  assert.deepEqual(view([inline]).labels, { app: "inline" });
});

test("a workload is where its entry says, else where its node says", () => {
  assert.deepEqual(view([selecting(), entry()]).locality, { region: "r9", zone: "z9", subZone: "" });
  const there = entry({ locality: "r1/z1/s1" });
  assert.deepEqual(view([selecting(), there]).locality, { region: "r1", zone: "z1", subZone: "s1" });
});

test("of a workload of another cluster its node says what it is", () => {
  const far = { ...NODE, metadata: { CLUSTER_ID: "far" } };
  assert.deepEqual(view([selecting(), entry()], far).labels, { app: "a", only: "node" });
  const own = { ...NODE, metadata: { CLUSTER_ID: "Kubernetes" } };
  assert.deepEqual(view([selecting(), entry()], own).labels, { app: "a", version: "v1" });
});

const CONVENTIONS = `
extensionProviders:
- name: otel
  opentelemetry: {service: o.example.com, port: 1, serviceAttributeEnrichment: OTEL_SEMANTIC_CONVENTIONS}`;
const ANNOTATIONS = { "resource.opentelemetry.io/service.name": "annotated" };

const SPAN_SERVICES: readonly (readonly [expected: string, metadata: object, labels: Record<string, string>])[] = [
  ["annotated", { ANNOTATIONS, WORKLOAD_NAME: "w" }, { "app.kubernetes.io/instance": "i" }],
  ["i", { WORKLOAD_NAME: "w" }, { "app.kubernetes.io/instance": "i", "app.kubernetes.io/name": "n" }],
  ["n", { ANNOTATIONS: {}, WORKLOAD_NAME: "w" }, { "app.kubernetes.io/name": "n" }],
  ["w", { WORKLOAD_NAME: "w", NAME: "pod" }, {}],
  ["pod", { NAME: "pod" }, {}],
  ["unknown_service", {}, {}],
];

for (const [expected, metadata, labels] of SPAN_SERVICES) {
  test(`by OpenTelemetry's conventions spans are of ${expected}`, () => {
    const spec = { metadata: metadata as Record<string, unknown>, labels };
    assert.equal(meshOf([], meshSettings(CONVENTIONS)).view(spec).view.metadata.otelService, expected);
    // Pods of a workload stay alike where nobody goes by the conventions.
    assert.equal(meshOf([]).view(spec).view.metadata.otelService, "");
  });
}
