// What of proxies is generated anew when an EnvoyFilter changes: what it patches, and nothing else.
import assert from "node:assert/strict";
import { test } from "node:test";
import { MeshPlanner } from "../../../src/main/push/planner.ts";
import { identityOf } from "../../../src/main/streams/proxy-identity.ts";
import type { ConfigObject } from "../../../src/shared/model/config.ts";
import { partKey } from "../../../src/shared/model/resource.ts";
import { envoyNode } from "../../support/envoy-node.ts";
import { config, serviceEntry, testRegistry } from "../../support/registry.ts";

function sidecar(app: string, metadata: object = {}): ReturnType<typeof identityOf> {
  const id = `sidecar~10.1.0.${app.charCodeAt(0)}~${app}.default~default.svc.cluster.local`;
  return identityOf(
    envoyNode(id, app, { LABELS: { app }, ISTIO_VERSION: "1.32.0", NAMESPACE: "default", ...metadata }),
  );
}

const PROXIES = { a: sidecar("a"), b: sidecar("b", { TEAM: "blue" }) };
const TYPES = ["CDS", "EDS", "LDS", "RDS", "ECDS", "NDS"] as const;

function filter(app: string, patch: object, name = "f"): ConfigObject {
  return config("EnvoyFilter", name, {
    ...(app ? { workloadSelector: { labels: { app } } } : {}),
    configPatches: [patch],
  });
}

function patch(applyTo: string, value: number, match: object = { context: "SIDECAR_OUTBOUND" }): object {
  return { applyTo, match, patch: { operation: "MERGE", value: { value } } };
}

interface Case {
  readonly name: string;
  readonly before?: ConfigObject;
  readonly after?: ConfigObject;
  /** Parts of types that are another question, or stale. */
  readonly stale: { readonly a?: string; readonly b?: string };
}

const CASES: readonly Case[] = [
  {
    name: "a patch of clusters comes to one workload",
    after: filter("a", patch("CLUSTER", 1)),
    stale: { a: "CDS/shared" },
  },
  {
    name: "its value is another one",
    before: filter("a", patch("CLUSTER", 1)),
    after: filter("a", patch("CLUSTER", 2)),
    stale: { a: "CDS/shared" },
  },
  { name: "it goes", before: filter("a", patch("CLUSTER", 1)), stale: { a: "CDS/shared" } },
  {
    name: "a patch of an application's own clusters",
    after: filter("a", patch("CLUSTER", 1, { context: "SIDECAR_INBOUND" })),
    stale: { a: "CDS/own" },
  },
  {
    name: "a patch of HTTP filters leaves shared listeners, which have none",
    after: filter("", patch("HTTP_FILTER", 1)),
    stale: { a: "LDS/own", b: "LDS/own" },
  },
  {
    name: "a patch of network filters doesn't",
    after: filter("b", patch("NETWORK_FILTER", 1)),
    stale: { b: "LDS/own LDS/shared" },
  },
  {
    name: "routes to the application are its own listeners'",
    after: filter("a", patch("VIRTUAL_HOST", 1, { context: "SIDECAR_INBOUND" })),
    stale: { a: "LDS/own" },
  },
  {
    name: "a patch for gateways is nothing to sidecars",
    after: filter("", patch("CLUSTER", 1, { context: "GATEWAY" })),
    stale: {},
  },
  {
    name: "a patch for nodes with some metadata",
    before: filter(
      "",
      patch("VIRTUAL_HOST", 1, { context: "SIDECAR_OUTBOUND", proxy: { metadata: { TEAM: "blue" } } }),
    ),
    after: filter("", patch("VIRTUAL_HOST", 2, { context: "SIDECAR_OUTBOUND", proxy: { metadata: { TEAM: "blue" } } })),
    stale: { b: "RDS/" },
  },
  {
    name: "a patch for a version that nobody has",
    after: filter("", patch("VIRTUAL_HOST", 1, { context: "SIDECAR_OUTBOUND", proxy: { proxyVersion: "^1\\.20" } })),
    stale: {},
  },
];

for (const { name, before, after, stale } of CASES) {
  test(name, () => {
    const registry = testRegistry();
    registry.apply({ upserts: [serviceEntry("one", ["10.0.0.1"]), ...(before ? [before] : [])], deletes: [] });
    const planner = new MeshPlanner(
      registry,
      (text) => text,
      () => 1,
    );
    planner.advance(1, undefined);
    const facets = (proxy: keyof typeof PROXIES): Map<string, { readonly id: string; readonly affected: number }> => {
      const view = planner.viewOf(PROXIES[proxy]);
      return new Map(
        TYPES.flatMap((type) =>
          planner.facetsOf(view, type).map((f) => [`${type}/${partKey(f)}`, { id: f.ref.id, affected: f.affected }]),
        ),
      );
    };
    const known = { a: facets("a"), b: facets("b") };
    const keys = before && !after ? [{ kind: "EnvoyFilter", namespace: "default", name: "f" }] : [];
    planner.advance(2, registry.apply({ upserts: after ? [after] : [], deletes: keys }));
    for (const proxy of ["a", "b"] as const) {
      const now = [...facets(proxy)].filter(([key, { id, affected }]) => {
        return affected > 1 || known[proxy].get(key)?.id !== id;
      });
      assert.equal(
        now
          .map(([key]) => key)
          .sort()
          .join(" "),
        stale[proxy] ?? "",
        proxy,
      );
    }
  });
}
