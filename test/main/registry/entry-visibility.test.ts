// How far a mesh's operator lets ServiceEntries be seen.
// https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#ServiceEntryVisibility
import assert from "node:assert/strict";
import { test } from "node:test";
import { entryVisibility, limitExportTo, type Visibility } from "../../../src/main/registry/entry-visibility.ts";
import { doc, host, meshOf } from "../../support/worker-behaviour.ts";
import { meshSettings, objectsOf } from "../../support/worker-mesh.ts";

const LIMITS: readonly (readonly [exportTo: readonly string[], limit: Visibility, left: readonly string[]])[] = [
  [["*"], "PUBLIC", ["*"]],
  [["x"], "PUBLIC", ["x"]],
  [["*"], "NAMESPACE", ["own"]],
  [["own", "x"], "NAMESPACE", ["own"]],
  // A limit never adds.
  [["x"], "NAMESPACE", ["~"]],
  [["*"], "NONE", ["~"]],
  [["own"], "NONE", ["~"]],
];

for (const [exportTo, limit, left] of LIMITS) {
  test(`of ${exportTo} the limit ${limit} leaves ${left}`, () => {
    assert.deepEqual(limitExportTo(exportTo, "own", limit), left);
  });
}

const SELECTORS: readonly (readonly [selector: object, matches: boolean])[] = [
  [{}, true],
  [{ matchLabels: { team: "a" } }, true],
  [{ matchLabels: { team: "b" } }, false],
  [{ matchLabels: { "kubernetes.io/metadata.name": "own" } }, true],
  [{ matchExpressions: [{ key: "team", operator: "In", values: ["a", "b"] }] }, true],
  [{ matchExpressions: [{ key: "team", operator: "NotIn", values: ["a"] }] }, false],
  [{ matchExpressions: [{ key: "none", operator: "NotIn", values: ["a"] }] }, true],
  [{ matchExpressions: [{ key: "team", operator: "Exists" }] }, true],
  [{ matchExpressions: [{ key: "team", operator: "DoesNotExist" }] }, false],
  [{ matchExpressions: [{ key: "team", operator: "Likes" }] }, false],
];

for (const [namespaceSelector, matches] of SELECTORS) {
  test(`${JSON.stringify(namespaceSelector)} ${matches ? "is" : "isn't"} about a namespace of team a`, () => {
    const policies = [{ visibility: "NONE" as const, matchingRules: [{ namespaceSelector }] }];
    const settings = { applyToSidecars: true, defaultVisibility: "NAMESPACE" as const, policies };
    assert.equal(entryVisibility(settings, "own", { team: "a" }), matches ? "NONE" : "NAMESPACE");
  });
}

test("Envoys are told of no limits unless the mesh says so, and of none where it doesn't say which", () => {
  assert.equal(entryVisibility({ defaultVisibility: "NONE" }, "own", {}), "PUBLIC");
  assert.equal(entryVisibility({ applyToSidecars: true }, "own", {}), "PUBLIC");
  assert.equal(entryVisibility(undefined, "own", {}), "PUBLIC");
});

test("entries follow the labels of their namespace", () => {
  const config = `
    serviceEntryVisibility:
      applyToSidecars: true
      defaultVisibility: NAMESPACE
      policies: [{visibility: PUBLIC, matchingRules: [{namespaceSelector: {matchLabels: {trusted: 'true'}}}]}]`;
  const namespace = (labels: object): object => ({
    apiVersion: "v1",
    kind: "Namespace",
    metadata: { name: "default", labels },
  });
  const mesh = meshOf([host("a"), doc("ServiceEntry", "b", ENTRY, { namespace: "shop" })], meshSettings(config));
  const seenIn = (): readonly string[] =>
    mesh.registry.services.services({ hostname: "a.example.com", namespace: "default" })[0]!.exportTo;
  assert.deepEqual(seenIn(), ["default"]);
  mesh.apply(objectsOf([namespace({ trusted: "true" })]));
  assert.deepEqual(seenIn(), ["*"]);
  mesh.apply(objectsOf([namespace({})]));
  assert.deepEqual(seenIn(), ["default"]);
});

const ENTRY = {
  hosts: ["b.example.com"],
  resolution: "STATIC",
  ports: [{ number: 80, name: "http", protocol: "HTTP" }],
};
