// The part of `upstream` that runs in a network namespace: one control plane for each scenario, one Envoy for each of its proxies.
//   upstream-run.js ENVOY sotw|delta SCENARIO …        (a JSON object a line comes out for each proxy)
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import type { EnvoyNode } from "../../src/main/demo/envoy-bootstrap.ts";
import { certificateAuthority } from "../support/certificates.ts";
import { envoyStats, type Mode, startTestEnvoy } from "../support/envoy.ts";
import { repositoryRoot } from "../support/repository.ts";
import { certificateSecret, rootSecret, startSecretServer } from "../support/secret-server.ts";
import { until } from "../support/until.ts";
import { startScenario } from "./golden-mesh.ts";
import { type GoldenProxy, readScenario } from "./golden-scenarios.ts";

export interface UpstreamOutcome {
  readonly scenario: string;
  readonly proxy: string;
  /** Rejections, in Envoy's words. */
  readonly problems: readonly string[];
}

/** What configuration may refer to, and Istio's bootstrap has. Nobody answers there. */
const STATIC_CLUSTERS = [
  "agent",
  "prometheus_stats",
  "zipkin",
  "envoy_accesslog_service",
  "lightstep",
  "tracing_datadog",
];

const SETTLED_MS = 20_000;

export async function loadScenario(
  name: string,
  binary: string,
  mode: Mode,
  done: (outcome: UpstreamOutcome) => void,
): Promise<void> {
  const scenario = readScenario(path.join(repositoryRoot(), "../shared/golden"), name);
  const temporary = fs.mkdtempSync(path.join(os.tmpdir(), "mizzen-upstream-"));
  try {
    const authority = certificateAuthority(temporary);
    const certificate = authority.sign("any.example.com");
    // Whatever Envoy asks for, so that it doesn't wait for it.
    const secrets = await startSecretServer((name) =>
      /^ROOTCA$|^file-root:|-cacert$/.test(name) ? rootSecret(authority.cert) : certificateSecret(certificate),
    );
    const server = await startScenario(scenario, temporary);
    try {
      for (const proxy of scenario.proxies) {
        const node = upstreamNode(proxy);
        if (!node) continue;
        const problems = await load(binary, mode, node, Number(server.grpc.split(":")[1]), secrets.port);
        done({ scenario: name, proxy: proxy.name, problems });
      }
    } finally {
      await server.close();
      secrets.close();
    }
  } finally {
    fs.rmSync(temporary, { recursive: true, force: true });
  }
}

/** The proxy as if it were of upstream's build: nothing says that it has Istio's filters. Undefined for what is no Envoy. */
function upstreamNode(proxy: GoldenProxy): EnvoyNode | undefined {
  const node = proxy.node as EnvoyNode & { locality?: object };
  const { ISTIO_VERSION: _version, GENERATOR, ...metadata } = (node.metadata ?? {}) as Record<string, unknown>;
  if (GENERATOR !== undefined || !/^(sidecar|router)~/.test(node.id)) return undefined;
  return { ...node, metadata };
}

/** Starts an Envoy; resolves with what it rejected when it has taken up everything else. */
async function load(
  binary: string,
  mode: Mode,
  node: EnvoyNode,
  port: number,
  secrets: number,
): Promise<readonly string[]> {
  const envoy = await startTestEnvoy({
    binary,
    mode,
    node,
    xds: { address: "127.0.0.1", port },
    clusters: [
      { name: "sds-grpc", address: "127.0.0.1", port: secrets },
      ...STATIC_CLUSTERS.map((name) => ({ name, address: "127.0.0.1", port: 9 })),
    ],
  });
  try {
    const rejected = await until(
      "clusters, listeners and routes are there",
      async () => {
        const stats = [...(await envoyStats(envoy))];
        const refused = stats.filter(([name, value]) => isRejection(name) && value > 0);
        if (refused.length > 0) return refused.map(([name]) => name);
        const taken = (type: RegExp): boolean => {
          const own = stats.filter(([name]) => type.test(name));
          return own.every(([, value]) => value > 0);
        };
        const begun =
          taken(/^cluster_manager\.cds\.update_success$/) && taken(/^listener_manager\.lds\.update_success$/);
        return begun && taken(/\.rds\..*\.update_success$/) && [];
      },
      { timeoutMs: SETTLED_MS, everyMs: 30 },
    );
    if (rejected.length === 0) return [];
    return [`rejected: ${rejected.join(", ")}`, ...envoy.log.filter((line) => /reject|error/i.test(line)).slice(0, 6)];
  } catch (error) {
    return [(error as Error).message, ...envoy.log.filter((line) => !line.includes("Deprecated field")).slice(-4)];
  } finally {
    await envoy.stop();
  }
}

/** A secret is rejected for files that it names, and that are only in the scenario. */
function isRejection(name: string): boolean {
  return name.endsWith(".update_rejected") && !name.startsWith("sds.");
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [binary = "", mode = "sotw", ...names] = process.argv.slice(2);
  for (const name of names) {
    await loadScenario(
      name,
      binary,
      mode as Mode,
      (outcome) => void process.stdout.write(`${JSON.stringify(outcome)}\n`),
    );
  }
}
