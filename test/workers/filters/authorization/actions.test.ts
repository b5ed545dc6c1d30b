// Which filters a workload's policies become, in which order, and for which workloads.
// https://istio.io/latest/docs/reference/config/security/authorization-policy/#AuthorizationPolicy-Action
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type FilterJson,
  httpFilters,
  securityFilters,
  served,
  tcpFilters,
  WORKLOAD,
} from "../../../support/inbound-filters.ts";
import { doc } from "../../../support/worker-behaviour.ts";
import type { Json } from "../../../support/worker-json.ts";
import { meshSettings, type ProxySpec } from "../../../support/worker-mesh.ts";

const RULES = { rules: [{ to: [{ operation: { ports: ["80"] } }] }] };

interface Meta {
  readonly namespace?: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

function policy(name: string, spec: object = {}, meta: Meta = {}): object {
  return doc("AuthorizationPolicy", name, { ...RULES, ...spec }, meta);
}

interface RulesJson {
  readonly action?: string;
  readonly policies?: Json;
}

/** Action and policy names of each RBAC filter, with those that are only noted. */
function summary(filters: readonly FilterJson[]): readonly object[] {
  return securityFilters(filters).map(({ typedConfig }) => {
    const { rules, shadowRules, shadowRulesStatPrefix } = typedConfig as {
      rules?: RulesJson;
      shadowRules?: RulesJson;
      shadowRulesStatPrefix?: string;
    };
    const names = (set: RulesJson): string[] =>
      Object.keys(set.policies ?? {}).map((name) => name.replace(/^ns\[(.*)\]-policy\[(.*)\]-rule\[0\]$/, "$1/$2"));
    return {
      ...(rules ? { [rules.action ?? "ALLOW"]: names(rules) } : {}),
      ...(shadowRules ? { [`noted ${shadowRules.action ?? "ALLOW"}`]: names(shadowRules) } : {}),
      stats: shadowRulesStatPrefix,
    };
  });
}

const ALLOW_STATS = "istio_dry_run_allow_";

test("AUDIT comes before DENY, DENY before ALLOW, over HTTP and TCP", () => {
  const mesh = served([
    policy("a1", { action: "ALLOW" }),
    policy("a2"),
    policy("d", { action: "DENY" }),
    policy("l", { action: "AUDIT" }),
  ]);
  const expected = [
    { LOG: ["default/l"], stats: ALLOW_STATS },
    { DENY: ["default/d"], stats: ALLOW_STATS },
    { ALLOW: ["default/a1", "default/a2"], stats: ALLOW_STATS },
  ];
  assert.deepEqual(summary(httpFilters(mesh)), expected);
  assert.deepEqual(summary(tcpFilters(mesh)), expected);
});

test("the filters stand between the exchange of metadata and what serves", () => {
  const mesh = served([policy("a")]);
  assert.deepEqual(
    httpFilters(mesh)
      .map((f) => f.name)
      .slice(0, 3),
    ["istio.metadata_exchange", "envoy.filters.http.rbac", "envoy.filters.http.grpc_stats"],
  );
  assert.deepEqual(
    tcpFilters(mesh).map((f) => f.name),
    ["istio.metadata_exchange", "envoy.filters.network.rbac", "envoy.filters.network.tcp_proxy"],
  );
});

test("no policy, no filter", () => {
  const mesh = served([]);
  assert.deepEqual(securityFilters([...httpFilters(mesh), ...tcpFilters(mesh)]), []);
});

const NEVER = { principals: [{ notId: { any: true } }], permissions: [{ notRule: { any: true } }] };
const ALWAYS = {
  principals: [{ andIds: { ids: [{ any: true }] } }],
  permissions: [{ andRules: { rules: [{ any: true }] } }],
};

test("a policy without rules matches nothing, and an empty rule everything", () => {
  const mesh = served([doc("AuthorizationPolicy", "none", {}), doc("AuthorizationPolicy", "all", { rules: [{}] })]);
  const [filter] = securityFilters(httpFilters(mesh));
  assert.deepEqual(filter?.typedConfig.rules, {
    policies: { "ns[default]-policy[all]-rule[0]": ALWAYS, "ns[default]-policy[none]-rule[0]": NEVER },
  });
});

test("ALLOW of nothing that TCP knows still denies what isn't allowed", () => {
  const mesh = served([policy("a", { rules: [{ to: [{ operation: { paths: ["/"] } }] }] })]);
  assert.deepEqual(summary(tcpFilters(mesh)), [{ ALLOW: [], stats: ALLOW_STATS }]);
});

const DRY = { annotations: { "istio.io/dry-run": "true" } };

test("a dry run is only noted", () => {
  const mesh = served([
    policy("dry", {}, DRY),
    policy("wet", {}, { annotations: { "istio.io/dry-run": "false" } }),
    policy("dry-deny", { action: "DENY" }, DRY),
  ]);
  assert.deepEqual(summary(httpFilters(mesh)), [
    { "noted DENY": ["default/dry-deny"], stats: "istio_dry_run_deny_" },
    { ALLOW: ["default/wet"], "noted ALLOW": ["default/dry"], stats: ALLOW_STATS },
  ]);
});

const SELECTS = (labels: object): object => ({ selector: { matchLabels: labels } });
const ROOT = { namespace: "istio-system" };

const CHOSEN: readonly (readonly [says: string, policy: object, expected: readonly string[]])[] = [
  ["of its namespace", policy("p"), ["default/p"]],
  ["of the root namespace", policy("p", {}, ROOT), ["istio-system/p"]],
  ["of another namespace", policy("p", {}, { namespace: "other" }), []],
  ["that selects it", policy("p", SELECTS({ app: "x" })), ["default/p"]],
  ["that selects others", policy("p", SELECTS({ app: "y" })), []],
  ["that selects it by more labels than it has", policy("p", SELECTS({ app: "x", tier: "1" })), []],
  ["of the root namespace that selects it", policy("p", SELECTS({ app: "x" }), ROOT), ["istio-system/p"]],
  ["for a Gateway", policy("p", { targetRefs: [target("gw")] }), []],
];

function target(name: string): object {
  return { group: "gateway.networking.k8s.io", kind: "Gateway", name };
}

function allowed(filters: readonly FilterJson[]): unknown {
  const [filter] = summary(filters) as { ALLOW?: readonly string[] }[];
  return filter?.ALLOW ?? [];
}

for (const [says, one, expected] of CHOSEN) {
  test(`a workload has ${expected.length > 0 ? "" : "not "}a policy ${says}`, () => {
    assert.deepEqual(allowed(httpFilters(served([one]))), expected);
  });
}

test("policies of the root namespace count once for its own workloads", () => {
  const proxy = { ...WORKLOAD, namespace: "istio-system" };
  assert.deepEqual(allowed(httpFilters(served([policy("p", {}, ROOT)], undefined, proxy), proxy)), ["istio-system/p"]);
});

test("what is known of a workload counts, and not what its node says beside it", () => {
  const entry = doc("WorkloadEntry", "w", { address: "10.0.0.7", labels: { app: "x" } });
  const service = doc("ServiceEntry", "x", {
    hosts: ["x.example.com"],
    location: "MESH_INTERNAL",
    resolution: "STATIC",
    ports: [
      { number: 80, name: "http", protocol: "HTTP" },
      { number: 9000, name: "tcp", protocol: "TCP" },
    ],
    workloadSelector: { labels: { app: "x" } },
  });
  const proxy: ProxySpec = { ip: "10.0.0.7", labels: { app: "x", extra: "node" } };
  const mesh = served([
    entry,
    service,
    policy("node", SELECTS({ extra: "node" })),
    policy("entry", SELECTS({ app: "x" })),
  ]);
  assert.deepEqual(allowed(httpFilters(mesh, proxy)), ["default/entry"]);
});

test("trust domains of the mesh are names of one another", () => {
  const rules = [{ from: [{ source: { principals: ["cluster.local/ns/a/sa/b"], notTrustDomains: ["old"] } }] }];
  const mesh = served([policy("p", { rules })], meshSettings("{trustDomain: td, trustDomainAliases: [old]}"));
  const [filter] = securityFilters(httpFilters(mesh));
  const name = (matcher: object): object => ({ authenticated: { principalName: matcher } });
  const { policies } = filter!.typedConfig.rules as { policies: Record<string, { principals: unknown }> };
  assert.deepEqual(policies["ns[default]-policy[p]-rule[0]"]?.principals, [
    {
      andIds: {
        ids: [
          {
            orIds: { ids: [name({ exact: "spiffe://td/ns/a/sa/b" }), name({ exact: "spiffe://old/ns/a/sa/b" })] },
          },
          { notId: { orIds: { ids: [name({ prefix: "spiffe://td/" }), name({ prefix: "spiffe://old/" })] } } },
        ],
      },
    },
  ]);
});
