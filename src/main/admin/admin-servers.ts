// The HTTP servers for people and tools: readiness and debugging on one, metrics and version on the other. Main thread.
import type { ListenAddress } from "../config/options.ts";
import type { Logger } from "../telemetry/log.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import { HttpServer, jsonAnswer, type Route } from "./http-server.ts";
import type { Readiness } from "./readiness.ts";

/** Where the servers listen, and what they show. */
export interface AdminServersOptions {
  /** null where one is turned off. */
  readonly httpAddress: ListenAddress | null;
  readonly monitoringAddress: ListenAddress | null;
  readonly readiness: Readiness;
  readonly metrics: Metrics;
  readonly debug: ReadonlyMap<string, Route>;
  readonly version: string;
  readonly log: Logger;
}

/** The running servers, with the addresses in use. */
export interface AdminServers {
  readonly http?: ListenAddress;
  readonly monitoring?: ListenAddress;
  close(): Promise<void>;
}

/** Starts those that are turned on. */
export async function startAdminServers(options: AdminServersOptions): Promise<AdminServers> {
  const { readiness, metrics, log, version } = options;
  const ready: Route = () =>
    readiness.isReady ? { body: "ready\n" } : { status: 503, body: `waiting for ${readiness.awaited().join(", ")}\n` };
  const monitoring: [string, Route][] = [
    ["/metrics", async () => ({ type: metrics.registry.contentType, body: await metrics.registry.metrics() })],
    ["/version", () => jsonAnswer({ version, component: "mizzen", node: process.version })],
  ];
  const servers: HttpServer[] = [];
  const start = async (address: ListenAddress, routes: ReadonlyMap<string, Route>): Promise<ListenAddress> => {
    const server = new HttpServer(routes, log);
    servers.push(server);
    return server.listen(address);
  };
  const close = async (): Promise<void> => {
    await Promise.all(servers.map((server) => server.close()));
  };
  try {
    const http =
      options.httpAddress && (await start(options.httpAddress, new Map([["/ready", ready], ...options.debug])));
    const metricsAt =
      options.monitoringAddress &&
      (await start(options.monitoringAddress, new Map([...monitoring, ["/ready", ready], ...options.debug])));
    return { ...(http ? { http } : {}), ...(metricsAt ? { monitoring: metricsAt } : {}), close };
  } catch (error) {
    await close();
    throw error;
  }
}
