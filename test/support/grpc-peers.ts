// gRPC's own xDS clients and servers as processes: Node's and Python's, which read one bootstrap file each when they start.
import assert from "node:assert/strict";
import { type ChildProcessByStdio, execFile, spawn } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import readline from "node:readline";
import type { Readable, Writable } from "node:stream";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { Certificate } from "./certificates.ts";
import { repositoryRoot } from "./repository.ts";

/** What a peer is asked to call, so many times. */
export interface Ask {
  /** Such as `xds:///echo.shop.svc.cluster.local:7070`. */
  readonly target: string;
  readonly path: string;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly count: number;
  /** How long a call may take; DEADLINE_SECONDS when absent. */
  readonly seconds?: number;
}

export const DEADLINE_SECONDS = 5;

export interface CallAnswer {
  /** gRPC's status code. */
  readonly code: number;
  readonly details: string;
  readonly text: string;
  /** How long it took. */
  readonly ms: number;
}

export type Language = "node" | "python";

export interface Caller {
  ask(ask: Ask): Promise<readonly CallAnswer[]>;
}

/** Who a peer says that it is, and to which control plane. */
export interface PeerIdentity {
  /** `HOST:PORT` of the control plane. */
  readonly server: string;
  readonly address: string;
  readonly namespace: string;
  /** Its own certificate, and the file of those that it trusts; none for plain text. */
  readonly certificates?: Certificate & { readonly roots: string };
  /** Uses no TLS whatever it is told, as applications do that don't ask for gRPC's xDS credentials. */
  readonly plainText?: boolean;
}

/** As Istio's agent writes it, and without GENERATOR it would be an Envoy. */
export function bootstrap({ server, address, namespace, certificates }: PeerIdentity): string {
  return JSON.stringify({
    xds_servers: [{ server_uri: server, channel_creds: [{ type: "insecure" }], server_features: ["xds_v3"] }],
    node: {
      id: `sidecar~${address}~peer.${namespace}~${namespace}.svc.cluster.local`,
      metadata: { GENERATOR: "grpc", NAMESPACE: namespace, CLUSTER_ID: "Kubernetes" },
      locality: {},
    },
    server_listener_resource_name_template: "xds.istio.io/grpc/lds/inbound/%s",
    ...(certificates
      ? {
          certificate_providers: {
            default: {
              plugin_name: "file_watcher",
              config: {
                certificate_file: certificates.cert,
                private_key_file: certificates.key,
                ca_certificate_file: certificates.roots,
                refresh_interval: "900s",
              },
            },
          },
        }
      : {}),
  });
}

type Child = ChildProcessByStdio<Writable, Readable, null>;

/** A process that ends with the test. */
function start(t: TestContext, command: string, args: readonly string[], identity: PeerIdentity): Child {
  const env = {
    ...process.env,
    GRPC_XDS_BOOTSTRAP_CONFIG: bootstrap(identity),
    GRPC_VERBOSITY: "NONE",
    ...(identity.plainText ? { PLAIN_TEXT: "1" } : {}),
  };
  const child = spawn(command, args, { env, stdio: ["pipe", "pipe", "inherit"] });
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
  t.after(async () => {
    child.kill();
    await ended;
  });
  return child;
}

/** A client. `python`: the interpreter that has grpcio, for one in Python. */
export function startCaller(t: TestContext, identity: PeerIdentity, python?: string): Caller {
  const program = fileURLToPath(new URL("grpc-caller.js", import.meta.url));
  const [command, args] = python ? [python, [pythonPeer(), "caller"]] : [process.execPath, [program]];
  const child = start(t, command, args, identity);
  const waiting = new Map<number, (answers: readonly CallAnswer[]) => void>();
  let ended = false;
  child.once("close", () => {
    ended = true;
    // Whoever waits sees that nothing came.
    for (const settle of waiting.values()) settle([]);
  });
  readline.createInterface({ input: child.stdout }).on("line", (line) => {
    const { id, answers } = JSON.parse(line) as { id: number; answers: CallAnswer[] };
    waiting.get(id)?.(answers);
    waiting.delete(id);
  });
  let last = 0;
  return {
    async ask(ask) {
      assert.ok(!ended, "the client's process has ended");
      const id = ++last;
      const answers = await new Promise<readonly CallAnswer[]>((resolve) => {
        waiting.set(id, resolve);
        child.stdin.write(`${JSON.stringify({ seconds: DEADLINE_SECONDS, ...ask, id })}\n`);
      });
      assert.equal(answers.length, ask.count, "the client answers all calls");
      return answers;
    },
  };
}

/** A server in Python that asks the control plane who may call it. Resolves when it has started. */
export async function startPythonServer(
  t: TestContext,
  identity: PeerIdentity,
  port: number,
  python: string,
): Promise<void> {
  const child = start(t, python, [pythonPeer(), "server", `${identity.address}:${port}`], identity);
  await new Promise<void>((resolve, reject) => {
    child.stdout.once("data", () => resolve());
    child.once("close", (code) => reject(new Error(`the server ended with ${code}`)));
  });
}

function pythonPeer(): string {
  return path.join(repositoryRoot(), "test/support/grpc_peer.py");
}

/** The version that the tests were written with. */
const GRPCIO = "grpcio==1.85.3";
const FETCH_TIMEOUT_MS = 300_000;
const run = promisify(execFile);

export type GrpcPython =
  | { readonly found: true; readonly path: string }
  | { readonly found: false; readonly reason: string };

/** A Python that has grpcio: from a cache folder, where it is fetched to once. Needs Python 3 and PyPI or a mirror of it. */
export async function findGrpcPython(): Promise<GrpcPython> {
  const cache = path.join(process.env.XDG_CACHE_HOME || path.join(process.env.HOME ?? "", ".cache"), "mizzen");
  const home = path.join(cache, GRPCIO.replace("==", "-"));
  const python = path.join(home, "bin/python");
  const works = (): Promise<boolean> =>
    run(python, ["-c", "import grpc"]).then(
      () => true,
      () => false,
    );
  if (await works()) return { found: true, path: python };
  console.log(`fetching ${GRPCIO} from PyPI (7 MB, once) into ${home} …`);
  try {
    const options = { timeout: FETCH_TIMEOUT_MS };
    fs.rmSync(home, { recursive: true, force: true });
    await run("python3", ["-m", "venv", home], options);
    await run(python, ["-m", "pip", "install", "-q", GRPCIO], options);
  } catch (error) {
    const { stderr, message } = error as { stderr?: string; message: string };
    fs.rmSync(home, { recursive: true, force: true });
    return { found: false, reason: `there is no ${GRPCIO}: ${stderr?.trimEnd().split("\n").at(-1) || message}` };
  }
  return (await works()) ? { found: true, path: python } : { found: false, reason: `${GRPCIO} cannot be loaded` };
}
