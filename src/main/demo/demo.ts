// The demo: the sample's services, a control plane on the sample's folder, and an Envoy as the gateway. Main thread.
import http from "node:http";
import net from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { errorMessage, MizzenError } from "../../shared/errors.ts";
import type { Environment } from "../config/features.ts";
import { type ListenAddress, type Options, parseListenAddress, parseOptions } from "../config/options.ts";
import { type ControlPlane, startControlPlane } from "../control-plane.ts";
import { createLogging } from "../telemetry/log.ts";
import { consoleLine, type DemoPlaces, whatToTry } from "./console-lines.ts";
import { findEnvoy } from "./envoy-binary.ts";
import { type EnvoyNode, envoyBootstrap } from "./envoy-bootstrap.ts";
import { EnvoyProcess } from "./envoy-process.ts";
import { readSample, type Sample } from "./sample.ts";
import { startShopServices } from "./shop-services.ts";

export interface DemoSettings {
  readonly dir: string;
  readonly envoy: boolean;
  /** Addresses to listen on, by flag; where one is absent it is the default, or any port when that is taken. */
  readonly addresses: Readonly<Partial<Record<DemoAddress, string>>>;
  readonly logLevel: string;
  readonly env: Environment;
  readonly print: (text: string) => void;
}

export type DemoAddress = "grpcAddr" | "httpAddr" | "monitoringAddr";

const DEFAULT_ADDRESSES: Readonly<Record<DemoAddress, string>> = {
  grpcAddr: "127.0.0.1:15010",
  httpAddr: "127.0.0.1:8080",
  monitoringAddr: "127.0.0.1:15014",
};

const PAGE_TIMEOUT_MS = 10_000;

export interface Demo {
  close(): Promise<void>;
}

/** Starts everything and prints what to try. What was started is stopped again when a part fails. */
export async function startDemo(settings: DemoSettings): Promise<Demo> {
  const { print } = settings;
  const sample = readSample(settings.dir);
  const closers: (() => Promise<void>)[] = [];
  const close = async (): Promise<void> => {
    for (const closer of closers.splice(0).reverse()) await closer();
  };
  try {
    const found = settings.envoy
      ? await findEnvoy(settings.env, (line) => print(`${line}\n`))
      : ({ found: false, reason: undefined } as const);
    const services = await startServices(sample, found.found);
    closers.push(services.close);
    const controlPlane = await startControl(settings, sample);
    closers.push(() => controlPlane.close());
    let envoy: EnvoyProcess | undefined;
    let problem = found.found ? undefined : found.reason;
    if (found.found) {
      envoy = await startGateway(found.path, controlPlane, print);
      closers.push(() => envoy!.stop());
      problem = await waitForPage(envoy, sample);
    }
    print(whatToTry(places(sample, controlPlane, envoy, problem)));
    return { close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function startServices(sample: Sample, throughGateway: boolean): Promise<{ close(): Promise<void> }> {
  try {
    return await startShopServices(sample.workloads, throughGateway ? sample.gateway : undefined);
  } catch (error) {
    throw new MizzenError("MIZZEN_ERR_OPTIONS", `the sample's services cannot listen: ${errorMessage(error)}`, {
      cause: error,
    });
  }
}

async function startControl(settings: DemoSettings, sample: Sample): Promise<ControlPlane> {
  const flags: Record<string, string> = {
    configDir: sample.configDir,
    meshConfig: sample.meshConfig,
    registries: "",
    secureGRPCAddr: "",
    httpsAddr: "",
    shutdownDuration: "1s",
    log_output_level: settings.logLevel,
  };
  for (const [flag, fallback] of Object.entries(DEFAULT_ADDRESSES)) {
    flags[flag] = settings.addresses[flag as DemoAddress] ?? (await freeAddress(fallback));
  }
  const options: Options = parseOptions(flags, { POD_NAMESPACE: "istio-system", ...settings.env });
  const write = (line: string): void => settings.print(consoleLine(line));
  const logging = createLogging({ ...options.logging, json: true, write });
  const controlPlane = await startControlPlane(options, { logging });
  await controlPlane.ready();
  return controlPlane;
}

/** The default address, or one with any port where that is taken. */
async function freeAddress(text: string): Promise<string> {
  const { host, port } = parseListenAddress(text)!;
  const free = await new Promise<boolean>((resolve) => {
    const server = net.createServer();
    server.once("error", () => resolve(false));
    server.listen(port, host, () => server.close(() => resolve(true)));
  });
  return free ? text : `${host}:0`;
}

const GATEWAY_NAME = "shop-gateway-1";
const GATEWAY_NAMESPACE = "istio-system";

function gatewayNode(): EnvoyNode {
  return {
    id: `router~127.0.0.1~${GATEWAY_NAME}.${GATEWAY_NAMESPACE}~${GATEWAY_NAMESPACE}.svc.cluster.local`,
    cluster: `shop-gateway.${GATEWAY_NAMESPACE}`,
    metadata: {
      NAME: GATEWAY_NAME,
      NAMESPACE: GATEWAY_NAMESPACE,
      INSTANCE_IPS: "127.0.0.1",
      LABELS: { istio: "ingressgateway", app: "shop-gateway" },
      CLUSTER_ID: "Kubernetes",
      MESH_ID: "cluster.local",
    },
  };
}

async function startGateway(
  binary: string,
  controlPlane: ControlPlane,
  print: (text: string) => void,
): Promise<EnvoyProcess> {
  const { grpc } = controlPlane.addresses;
  if (!grpc) throw new MizzenError("MIZZEN_ERR_OPTIONS", "the demo's Envoy needs --grpcAddr");
  const said = new Set<string>();
  return EnvoyProcess.start({
    binary,
    bootstrap: envoyBootstrap({
      node: gatewayNode(),
      xds: { address: grpc.host || "127.0.0.1", port: grpc.port },
      mode: "delta",
      admin: { address: "127.0.0.1", port: 0 },
    }),
    // Envoy repeats itself with each update, and gets Ctrl-C too.
    onLog: (line) => {
      if (!said.has(line) && !line.includes("caught SIG")) print(`envoy  ${line}\n`);
      said.add(line);
    },
  });
}

/** Undefined once the page is served; else what is wrong. */
async function waitForPage(envoy: EnvoyProcess, sample: Sample): Promise<string | undefined> {
  let end: string | undefined;
  void envoy.ended.then((how) => {
    end = how;
  });
  const deadline = performance.now() + PAGE_TIMEOUT_MS;
  while (!(await answers(sample))) {
    if (end !== undefined) return `Envoy ended: ${end}`;
    if (performance.now() > deadline) {
      return `Envoy serves nothing on ${pageUrl(sample)} after ${PAGE_TIMEOUT_MS / 1000} s: see its lines above`;
    }
    await sleep(20);
  }
  return undefined;
}

/** True when the page is there. */
function answers(sample: Sample): Promise<boolean> {
  return new Promise((resolve) => {
    const request = http.get(pageUrl(sample), { agent: false, timeout: 2000 }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    request.on("timeout", () => request.destroy());
    request.on("error", () => resolve(false));
  });
}

function pageUrl({ gateway }: Sample): string {
  return `http://${gateway.address}:${gateway.port}/productpage`;
}

function places(
  sample: Sample,
  controlPlane: ControlPlane,
  envoy: EnvoyProcess | undefined,
  problem: string | undefined,
): DemoPlaces {
  const { http: debug, monitoring } = controlPlane.addresses;
  const url = ({ host, port }: ListenAddress): string => `http://${host || "127.0.0.1"}:${port}`;
  const page = sample.workloads.find((workload) => workload.app === "productpage");
  return {
    direct: page ? `http://${page.address}:${page.port}/productpage` : "",
    routeFile: sample.routeFile,
    configDir: sample.configDir,
    proxyId: `${GATEWAY_NAME}.${GATEWAY_NAMESPACE}`,
    ...(envoy ? { page: pageUrl(sample), envoyAdmin: envoy.admin } : {}),
    ...(debug ? { debug: url(debug) } : {}),
    ...(monitoring ? { metrics: url(monitoring) } : {}),
    ...(problem === undefined ? {} : { problem }),
  };
}
