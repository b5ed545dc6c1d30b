// The environment variables that tune the server, beside the feature flags. Main thread.
import { type Environment, FEATURE_FLAGS, type FeatureFlag, flagProblem, parseFlagValue } from "./features.ts";

/** What the environment says about the server itself. */
export interface ServerEnvironment {
  readonly debounceAfterMs: number;
  readonly debounceMaxMs: number;
  readonly debounceEndpoints: boolean;
  /** 0: by the number of cores. */
  readonly pushThrottle: number;
  /** 0: by the number of cores. */
  readonly maxRequestsPerSecond: number;
  readonly xdsCacheSize: number;
  readonly xdsCacheMegabytes: number;
  readonly grpcMaxRecvBytes: number;
  readonly grpcMaxStreams: number;
  readonly podNamespace: string;
  readonly podName: string;
  readonly revision: string;
  readonly clusterId: string;
  readonly resolveGatewayNames: boolean;
}

export const SERVER_VARIABLES: { readonly [K in keyof ServerEnvironment]: FeatureFlag } = {
  debounceAfterMs: {
    env: "PILOT_DEBOUNCE_AFTER",
    type: "duration",
    default: "100ms",
    effect: "quiet time after a change before it is pushed",
  },
  debounceMaxMs: {
    env: "PILOT_DEBOUNCE_MAX",
    type: "duration",
    default: "10s",
    effect: "longest time that a change waits for quiet",
  },
  debounceEndpoints: {
    env: "PILOT_ENABLE_EDS_DEBOUNCE",
    type: "bool",
    default: "true",
    effect: "changes of endpoints wait for quiet too",
  },
  pushThrottle: {
    env: "PILOT_PUSH_THROTTLE",
    type: "int",
    default: "0",
    effect: "proxies that are pushed to at once; 0: 15 and 5 for each core, at most 100",
  },
  maxRequestsPerSecond: {
    env: "PILOT_MAX_REQUESTS_PER_SECOND",
    type: "float",
    default: "0.0",
    effect: "new streams a second; 0: 15 and 5 for each core, at most 100",
  },
  xdsCacheSize: {
    env: "PILOT_XDS_CACHE_SIZE",
    type: "int",
    default: "60000",
    effect: "encoded resources that the cache holds",
  },
  xdsCacheMegabytes: {
    env: "MIZZEN_XDS_CACHE_MEGABYTES",
    type: "int",
    default: "512",
    effect: "size of the encoded resources that the cache holds, in 2^20 bytes",
  },
  grpcMaxRecvBytes: {
    env: "ISTIO_GPRC_MAXRECVMSGSIZE",
    type: "int",
    default: "4194304",
    effect: "largest message that a proxy may send, in bytes",
  },
  grpcMaxStreams: {
    env: "ISTIO_GPRC_MAXSTREAMS",
    type: "int",
    default: "100000",
    effect: "streams of one connection",
  },
  podNamespace: {
    env: "POD_NAMESPACE",
    type: "string",
    default: "",
    effect: "namespace of this process, and of mesh-wide configuration where MeshConfig names none",
  },
  podName: { env: "POD_NAME", type: "string", default: "", effect: "name of this process in versions and logs" },
  revision: { env: "REVISION", type: "string", default: "", effect: "control plane revision" },
  clusterId: { env: "CLUSTER_ID", type: "string", default: "Kubernetes", effect: "name of the local cluster" },
  resolveGatewayNames: {
    env: "RESOLVE_HOSTNAME_GATEWAYS",
    type: "bool",
    default: "true",
    effect: "ask DNS for the addresses of gateways between networks that have names",
  },
};

/** Reads the server's variables; one that can't be read keeps its default and is named among the problems. */
export function parseServerEnvironment(env: Environment): { values: ServerEnvironment; problems: string[] } {
  const problems: string[] = [];
  const values: Record<string, string | number | boolean> = {};
  for (const [name, variable] of Object.entries(SERVER_VARIABLES)) {
    const raw = env[variable.env] || variable.default;
    let value = parseFlagValue(variable.type, raw);
    if (value === undefined || (typeof value === "number" && value < 0)) {
      problems.push(flagProblem(variable.env, variable.type, raw));
      value = parseFlagValue(variable.type, variable.default)!;
    }
    values[name] = value;
  }
  const { debounceAfterMs, debounceMaxMs } = values as unknown as ServerEnvironment;
  if (debounceAfterMs > debounceMaxMs) {
    problems.push(`PILOT_DEBOUNCE_AFTER: ${debounceAfterMs}ms is more than PILOT_DEBOUNCE_MAX, ${debounceMaxMs}ms`);
  }
  return { values: values as unknown as ServerEnvironment, problems };
}

/** Every variable with its default and effect, as lines for `--help`. */
export function describeEnvironment(): string {
  const variables = [...Object.values(SERVER_VARIABLES), ...Object.values(FEATURE_FLAGS)];
  const lines = variables.map((v) => `  ${v.env}  ${v.effect} (default: ${v.default === "" ? "none" : v.default})`);
  return `Environment:\n${lines.join("\n")}`;
}
