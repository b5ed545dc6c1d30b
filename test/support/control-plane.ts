// Starts a control plane inside of a test's process, on free loopback ports, and waits until it is in sync.

import type { Environment } from "../../src/main/config/features.ts";
import { parseOptions } from "../../src/main/config/options.ts";
import { startControlPlane } from "../../src/main/control-plane.ts";
import type { WorkerPool } from "../../src/main/pool/worker-pool.ts";
import { createLogging, type LogLevel } from "../../src/main/telemetry/log.ts";

export interface TestMesh {
  readonly configDir: string;
  /** A file; none when absent. */
  readonly meshConfig?: string;
  readonly networksConfig?: string;
  /** The control plane's environment: nothing is taken over from this process. */
  readonly env?: Environment;
  /** More flags, by name. */
  readonly flags?: Readonly<Record<string, string>>;
  /** Where log lines go; nowhere when absent. */
  readonly log?: (line: string) => void;
  readonly logLevel?: LogLevel;
}

export interface RunningControlPlane {
  /** `127.0.0.1:PORT` of the xDS server. */
  readonly grpc: string;
  /** `http://127.0.0.1:PORT` of the debug server. */
  readonly http: string;
  /** As `http`, of the monitoring server. */
  readonly monitoring: string;
  /** The worker threads, to count and to kill. */
  readonly pool: WorkerPool;
  close(): Promise<void>;
}

/** Without Kubernetes, TLS and webhooks; with one worker, unless `flags` say otherwise. */
export async function startTestControlPlane(mesh: TestMesh): Promise<RunningControlPlane> {
  const flags: Record<string, string> = {
    configDir: mesh.configDir,
    registries: "",
    grpcAddr: "127.0.0.1:0",
    httpAddr: "127.0.0.1:0",
    secureGRPCAddr: "",
    httpsAddr: "",
    monitoringAddr: "127.0.0.1:0",
    shutdownDuration: "0s",
    workers: "1",
    meshConfig: mesh.meshConfig ?? "",
    networksConfig: mesh.networksConfig ?? "",
    ...mesh.flags,
  };
  const options = parseOptions(flags, { POD_NAMESPACE: "istio-system", ...mesh.env });
  const logging = createLogging({
    defaultLevel: mesh.log ? (mesh.logLevel ?? "info") : "none",
    levels: new Map(),
    json: false,
    write: mesh.log ?? (() => undefined),
  });
  const running = await startControlPlane(options, { logging });
  const { grpc, http, monitoring } = running.addresses;
  if (!grpc || !http || !monitoring) throw new Error("the control plane has no address");
  return {
    grpc: `127.0.0.1:${grpc.port}`,
    http: `http://127.0.0.1:${http.port}`,
    monitoring: `http://127.0.0.1:${monitoring.port}`,
    pool: running.pool,
    close: () => running.close(),
  };
}
