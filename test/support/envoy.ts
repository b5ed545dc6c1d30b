// Real Envoys for tests: one binary for all, nodes as upstream Envoy's, and checks of what its admin server says.
import assert from "node:assert/strict";
import http from "node:http";
import { type EnvoyBinary, findEnvoy } from "../../src/main/demo/envoy-binary.ts";
import { type BootstrapOptions, type EnvoyNode, envoyBootstrap } from "../../src/main/demo/envoy-bootstrap.ts";
import { EnvoyProcess } from "../../src/main/demo/envoy-process.ts";
import { until } from "./until.ts";

export interface TestEnvoy {
  /** Text of a page of the admin server. */
  admin(page: string): Promise<string>;
  /** Lines of Envoy's log at warning level and above. */
  readonly log: readonly string[];
  stop(): Promise<void>;
}

export interface TestEnvoyOptions extends Omit<BootstrapOptions, "admin"> {
  readonly binary: string;
  /** Words that the command begins with, to run in a namespace. */
  readonly prefix?: readonly string[];
  /** Where the admin server listens; 127.0.0.1 and any port when absent. */
  readonly admin?: { readonly address: string; readonly port: number };
  /** Asks the admin server where the test can't reach it itself. */
  readonly ask?: (host: string, port: number, page: string) => Promise<string>;
}

export type Mode = BootstrapOptions["mode"];

/** Finds or fetches the binary. */
export function testEnvoyBinary(): Promise<EnvoyBinary> {
  return findEnvoy(process.env, (line) => console.log(line));
}

export async function startTestEnvoy(options: TestEnvoyOptions): Promise<TestEnvoy> {
  const log: string[] = [];
  const envoy = await EnvoyProcess.start({
    binary: options.binary,
    bootstrap: envoyBootstrap({ ...options, admin: options.admin ?? { address: "127.0.0.1", port: 0 } }),
    onLog: (line) => void log.push(line),
    ...(options.prefix ? { prefix: options.prefix } : {}),
  });
  const at = envoy.admin.lastIndexOf(":");
  const [host, port] = [envoy.admin.slice(0, at), Number(envoy.admin.slice(at + 1))];
  const ask = options.ask ?? getText;
  return { admin: (page) => ask(host, port, page), log, stop: () => envoy.stop() };
}

/** The node of a gateway, or of a sidecar, of an Envoy that is not of Istio's build. */
export function testNode(
  type: "router" | "sidecar",
  address: string,
  name: string,
  namespace: string,
  labels: Readonly<Record<string, string>>,
): EnvoyNode {
  return {
    id: `${type}~${address}~${name}.${namespace}~${namespace}.svc.cluster.local`,
    cluster: `${labels.app ?? name}.${namespace}`,
    metadata: {
      NAME: name,
      NAMESPACE: namespace,
      INSTANCE_IPS: address,
      LABELS: labels,
      CLUSTER_ID: "Kubernetes",
      MESH_ID: "cluster.local",
      ...(type === "sidecar" ? { INTERCEPTION_MODE: "REDIRECT" } : {}),
    },
  };
}

/** Counters and gauges by name; the `;` with which Istio's names of clusters end in statistics is left out. */
export async function envoyStats(envoy: TestEnvoy): Promise<ReadonlyMap<string, number>> {
  const text = await envoy.admin("/stats");
  return new Map(
    text.split("\n").flatMap((line) => {
      const match = /^(.+): (\d+)$/.exec(line);
      return match ? [[match[1]!.replace(";.", "."), Number(match[2])] as const] : [];
    }),
  );
}

/**
 * Nothing was rejected, something was accepted, and Envoy did not complain about its configuration, other than in lines that
 * match `expected`.
 */
export async function assertConfigurationAccepted(envoy: TestEnvoy, expected?: RegExp): Promise<void> {
  // What was pushed last may still be on its way into use.
  const stats = await until("nothing waits to be taken up", async () => {
    const now = await envoyStats(envoy);
    const waits = ["listener_manager.total_listeners_warming", "cluster_manager.warming_clusters"];
    return waits.every((name) => now.get(name) === 0) && now;
  });
  const rejected = [...stats].filter(([name, value]) => name.endsWith(".update_rejected") && value > 0);
  assert.deepEqual(rejected, [], "rejected updates");
  for (const name of ["cluster_manager.cds.update_success", "listener_manager.lds.update_success"]) {
    assert.ok((stats.get(name) ?? 0) > 0, `${name} is 0`);
  }
  const complaints = [
    ...new Set(
      envoy.log.filter((line) => !isAboutConnections(line) && !expected?.test(line)).map((line) => line.slice(0, 250)),
    ),
  ];
  assert.deepEqual(complaints, [], "complaints in Envoy's log");
}

/** Streams that end when the control plane or a test does are no matter of configuration. */
function isAboutConnections(line: string): boolean {
  return /gRPC config stream .*(closed|to xds-grpc)|StreamAggregatedResources|DeltaAggregatedResources/.test(line);
}

export function getText(host: string, port: number, page: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = http.get({ host, port, path: page, agent: false, timeout: 5000 }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        text += chunk;
      });
      response.on("error", reject);
      response.on("end", () => resolve(text));
    });
    request.on("timeout", () => request.destroy(new Error(`no answer from ${host}:${port}${page}`)));
    request.on("error", reject);
  });
}
