// A client and a server, each in a namespace behind a sidecar Envoy, and the control plane in the hub between them.
import { spawn } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import type { TestContext } from "node:test";
import { closeWith } from "./closers.ts";
import { type Mode, startTestEnvoy, type TestEnvoy, testEnvoyBinary, testNode } from "./envoy.ts";
import { createLab, type NetNode, namespacesMissing, PROXY_GROUP } from "./netns.ts";
import { repositoryRoot } from "./repository.ts";
import { until } from "./until.ts";

export interface Sidecar {
  readonly node: NetNode;
  readonly envoy: TestEnvoy;
}

export interface RunningSidecars {
  /** Adds or replaces a file of the configuration. */
  apply(file: string, text: string): void;
  readonly hub: NetNode;
  readonly client: Sidecar;
  readonly server: Sidecar;
}

/** The mesh of this test; in file mode a workload is a WorkloadEntry. */
function meshYaml(client: string, server: string): string {
  return `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: echo, namespace: shop}
spec:
  hosts: [echo.shop.svc.cluster.local]
  addresses: [10.98.0.20]
  location: MESH_INTERNAL
  resolution: STATIC
  ports:
  - {number: 8080, name: http, protocol: HTTP}
  - {number: 9000, name: tcp, protocol: TCP}
  workloadSelector: {labels: {app: echo}}
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: echo-v1, namespace: shop}
spec: {address: ${server}, labels: {app: echo, version: v1}, serviceAccount: echo}
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: client-v1, namespace: shop}
spec: {address: ${client}, labels: {app: client, version: v1}, serviceAccount: client}
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: istio-system}
spec: {mtls: {mode: DISABLE}}
`;
}

/** Undefined when there is no Envoy or there are no namespaces, after the test was marked as skipped. */
export async function startSidecars(
  t: TestContext,
  mode: Mode,
  meshConfig = "rootNamespace: istio-system\n",
): Promise<RunningSidecars | undefined> {
  const binary = await testEnvoyBinary();
  const missing = binary.found ? namespacesMissing() : binary.reason;
  if (missing !== undefined || !binary.found) {
    t.skip(missing ?? "");
    return undefined;
  }
  const onEnd = closeWith(t);
  const lab = await createLab(2);
  onEnd(lab.close);
  const [clientNode, serverNode] = [lab.nodes[0]!, lab.nodes[1]!];
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "mizzen-sidecars-"));
  onEnd(() => fs.rmSync(folder, { recursive: true, force: true }));
  fs.mkdirSync(path.join(folder, "config"));
  fs.writeFileSync(path.join(folder, "config/mesh.yaml"), meshYaml(clientNode.address, serverNode.address));
  fs.writeFileSync(path.join(folder, "mesh.yaml"), meshConfig);
  onEnd(await startDiscovery(lab.hub, folder));

  await lab.hub.call("serveHttp", { address: "0.0.0.0", port: 7000, name: "outside" });
  await serverNode.call("serveHttp", { address: "0.0.0.0", port: 8080, name: "echo-v1" });
  await serverNode.call("serveTcp", { address: "0.0.0.0", port: 9000, name: "echo-v1" });
  const start = async (node: NetNode, app: string): Promise<Sidecar> => {
    node.redirectToProxy();
    const envoy = await startTestEnvoy({
      binary: binary.path,
      mode,
      node: testNode("sidecar", node.address, `${app}-v1`, "shop", { app, version: "v1" }),
      xds: { address: lab.hub.address, port: 15010 },
      prefix: [...node.prefix, "setpriv", "--regid", String(PROXY_GROUP), "--clear-groups"],
      admin: { address: node.address, port: 15000 },
      // The hub is not redirected.
      ask: async (host, port, page) => (await lab.hub.call("get", { host, port, path: page, headers: {} })).body,
    });
    onEnd(envoy.stop);
    return { node, envoy };
  };
  return {
    apply(file, text) {
      const target = path.join(folder, "config", file);
      fs.writeFileSync(`${target}.new`, text);
      fs.renameSync(`${target}.new`, target);
    },
    hub: lab.hub,
    client: await start(clientNode, "client"),
    server: await start(serverNode, "echo"),
  };
}

/** Runs the command as its users do, and gives what ends it. */
async function startDiscovery(hub: NetNode, folder: string): Promise<() => Promise<void>> {
  const command = [
    ...[...hub.prefix, process.execPath, path.join(repositoryRoot(), "dist/src/main/main.js"), "discovery"],
    ...["--configDir", path.join(folder, "config"), "--meshConfig", path.join(folder, "mesh.yaml"), "--registries="],
    ...["--secureGRPCAddr=", "--httpsAddr=", "--workers", "1", "--shutdownDuration", "0s"],
  ];
  const child = spawn(command[0]!, command.slice(1), {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, POD_NAMESPACE: "istio-system" },
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (output += String(chunk)));
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const stop = async (): Promise<void> => {
    child.kill("SIGTERM");
    await ended;
  };
  try {
    await until("the control plane is ready", async () => {
      if (child.exitCode !== null) throw new Error("it has ended");
      return (await hub.call("get", { host: hub.address, port: 8080, path: "/ready", headers: {} })).status === 200;
    });
  } catch (error) {
    await stop();
    throw new Error(`${(error as Error).message}\n${output}`, { cause: error });
  }
  return stop;
}
