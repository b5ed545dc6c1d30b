// What is measured, as data.
import { CHANGE_KINDS, type ChangeKind } from "../mesh/changes.ts";
import { DEPLOYMENT, GATEWAY_5000, GROWING, M100, M1000, M10000, NAMESPACES_500 } from "./meshes.ts";
import type { Scenario, Step } from "./model.ts";

const BOTH = ["sotw", "delta"] as const;
const DELTA = ["delta"] as const;
const CONNECT: Step = { do: "connect" };

/** Edits that cost little, and are repeated more often for it. */
const SMALL: ReadonlySet<ChangeKind> = new Set(["endpoint", "route", "destination rule", "authorization policy"]);

/** Edits of a mesh without a gateway. Services that were added are removed again: these two go together. */
const EVERY_CHANGE: readonly Step[] = CHANGE_KINDS.filter((kind) => kind !== "gateway route").map((kind) => ({
  ...{ do: "change", kind },
  times: SMALL.has(kind) ? 3 : 2,
}));

const ANCHORS: readonly Step[] = [
  CONNECT,
  { do: "change", kind: "endpoint", times: 5 },
  { do: "change", kind: "route", times: 2 },
  { do: "change", kind: "destination rule", times: 2 },
  { do: "churn", perSecond: 10, seconds: 5 },
];

export const SCENARIOS: readonly Scenario[] = [
  {
    name: "storm",
    about: "1,000 proxies connect at once; then the changes that istiod was measured with, and churn",
    meshes: [M1000],
    proxies: { kind: "sidecar", count: 1000 },
    modes: BOTH,
    steps: ANCHORS,
    usual: true,
  },
  {
    name: "changes",
    about: "one change of each kind, each alone",
    meshes: [M1000],
    proxies: { kind: "sidecar", count: 100 },
    modes: BOTH,
    steps: [CONNECT, ...EVERY_CHANGE],
    usual: true,
  },
  {
    name: "churn",
    about: "1, 10, 100 and 1,000 endpoint changes a second, and 10 beside a route change a second",
    meshes: [M1000],
    proxies: { kind: "sidecar", count: 100 },
    modes: DELTA,
    steps: [
      CONNECT,
      ...[1, 10, 100, 1000].map((perSecond): Step => ({ do: "churn", perSecond, seconds: 5 })),
      { do: "churn", perSecond: 10, seconds: 12, routesPerSecond: 1 },
    ],
    usual: true,
  },
  {
    name: "rolling",
    about: "the 50 endpoints of a deployment are replaced one after the other",
    meshes: [DEPLOYMENT],
    proxies: { kind: "sidecar", count: 100 },
    modes: DELTA,
    steps: [CONNECT, { do: "rolling", perSecond: 10 }],
    usual: true,
  },
  {
    name: "reconnect",
    about: "the server is killed and started again; proxies return with what they have",
    meshes: [M1000],
    proxies: { kind: "sidecar", count: 100 },
    modes: BOTH,
    steps: [CONNECT, { do: "reconnect" }],
    usual: true,
  },
  {
    name: "rules",
    about: "a destination rule changes thirty times, one after the other: enough for a flame graph",
    meshes: [M1000],
    proxies: { kind: "sidecar", count: 1000 },
    modes: DELTA,
    steps: [CONNECT, { do: "change", kind: "destination rule", times: 30 }],
    usual: false,
  },
  {
    name: "small",
    about: "a tenth of the services, otherwise as storm",
    meshes: [M100],
    proxies: { kind: "sidecar", count: 1000 },
    modes: BOTH,
    steps: ANCHORS,
    usual: false,
  },
  {
    name: "gateway",
    about: "replicas of a gateway with 5,000 VirtualServices",
    meshes: [GATEWAY_5000],
    proxies: { kind: "gateway", count: 20 },
    modes: BOTH,
    steps: [
      CONNECT,
      { do: "change", kind: "gateway route", times: 5 },
      { do: "change", kind: "endpoint", times: 5 },
      { do: "churn", perSecond: 10, seconds: 6 },
    ],
    usual: false,
  },
  {
    name: "namespaces",
    about: "500 namespaces that import only themselves, a proxy in each: most changes concern one of them",
    meshes: [NAMESPACES_500],
    proxies: { kind: "sidecar", count: 500 },
    modes: DELTA,
    steps: [
      CONNECT,
      { do: "change", kind: "endpoint", times: 10 },
      { do: "change", kind: "route", times: 10 },
      { do: "change", kind: "mesh config", times: 3 },
    ],
    usual: false,
  },
  {
    name: "growth",
    about:
      "an endpoint and a route change for the same 100 proxies while the rest of the mesh grows to 10,000 services",
    meshes: GROWING,
    proxies: { kind: "sidecar", count: 100 },
    modes: DELTA,
    steps: [
      CONNECT,
      { do: "change", kind: "endpoint", times: 10 },
      { do: "change", kind: "route", times: 10 },
      { do: "change", kind: "metadata only", times: 5 },
    ],
    usual: false,
  },
  {
    name: "large",
    about: "50 proxies in 20 namespaces that see all services of meshes of 1,000 and 10,000",
    meshes: [M1000, M10000],
    proxies: { kind: "sidecar", count: 50 },
    modes: DELTA,
    steps: [
      CONNECT,
      { do: "change", kind: "endpoint", times: 5 },
      { do: "change", kind: "route", times: 5 },
      { do: "change", kind: "destination rule", times: 5 },
    ],
    usual: false,
  },
  {
    name: "faults",
    about: "workers die, a proxy stalls, peers send garbage or go at once; then every proxy must be right",
    meshes: [M1000],
    proxies: { kind: "sidecar", count: 50 },
    modes: BOTH,
    steps: [CONNECT, { do: "faults", seconds: 20 }],
    usual: false,
  },
  {
    name: "soak",
    about: "changes and proxies that come and go for minutes: does memory grow? (--minutes, 10 if not said)",
    meshes: [M1000],
    proxies: { kind: "sidecar", count: 50 },
    modes: DELTA,
    steps: [CONNECT, { do: "soak" }],
    usual: false,
  },
];

/** The scenarios of these names; throws for a name that there isn't. */
export function scenariosNamed(names: readonly string[]): readonly Scenario[] {
  return names.map((name) => {
    const scenario = SCENARIOS.find((one) => one.name === name);
    if (!scenario) throw new Error(`no scenario ${name}; there are ${SCENARIOS.map((one) => one.name).join(", ")}`);
    return scenario;
  });
}
