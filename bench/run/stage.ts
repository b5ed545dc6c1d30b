// What a scenario runs on: a folder with a mesh, a server, a client process, and a record of the server's memory.
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { ConnectCommand, Mode } from "../client/messages.ts";
import { own } from "../lib/owned.ts";
import { MeshFolder } from "../mesh/mesh-folder.ts";
import { type BenchNode, nodesOf } from "../mesh/nodes.ts";
import type { NamedMesh, Scenario } from "../scenarios/model.ts";
import { processCpuMs } from "../server/proc-stat.ts";
import { type ServerProcess, startServer } from "../server/server-process.ts";
import { BenchClient } from "./client.ts";
import { MemoryRecord } from "./memory-record.ts";

export interface StageOptions {
  readonly scenario: Scenario;
  readonly mesh: NamedMesh;
  readonly mode: Mode;
  readonly proxies: number;
  readonly perConnection: number;
  /** The server's entry; this tree's when absent. */
  readonly main?: string;
  readonly serverArgs?: readonly string[];
}

/** The server counts as idle when it uses no more than this in a poll; it has timers of its own. */
const IDLE_MS = 15;
const POLL_MS = 250;
const SETTLE_TIMEOUT_MS = 6000;

export class Stage {
  readonly options: StageOptions;
  readonly mesh: MeshFolder;
  readonly nodes: readonly BenchNode[];
  readonly client: BenchClient;
  readonly memory: MemoryRecord;
  private current: ServerProcess;
  private serials = 0;
  private readonly release: () => void;

  private constructor(
    options: StageOptions,
    mesh: MeshFolder,
    server: ServerProcess,
    client: BenchClient,
    release: () => void,
  ) {
    this.options = options;
    this.mesh = mesh;
    this.current = server;
    this.client = client;
    this.release = release;
    this.nodes = nodesOf(options.mesh.shape, options.scenario.proxies.kind, options.proxies);
    this.memory = new MemoryRecord(() => this.current);
  }

  static async start(options: StageOptions): Promise<Stage> {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), "mizzen-bench-"));
    const release = own(() => fs.rmSync(folder, { recursive: true, force: true }));
    const mesh = new MeshFolder(folder, options.mesh.shape);
    const server = await startServer(serverOptions(folder, options));
    const client = await BenchClient.start();
    return new Stage(options, mesh, server, client, release);
  }

  get server(): ServerProcess {
    return this.current;
  }

  /** Changes of one run have different numbers. */
  nextSerial(): number {
    return ++this.serials;
  }

  /**
   * Ends the server as a crash would; `between` runs while there is none. The next one has another port: somebody else could
   * have taken the old one meanwhile.
   */
  async restartServer(between: () => void): Promise<void> {
    await this.client.tell({ tag: "expect-ends" });
    this.memory.pause();
    await this.current.stop("SIGKILL");
    between();
    this.current = await startServer(serverOptions(this.mesh.folder, this.options));
    this.memory.resume();
  }

  connectCommand(extra: Partial<ConnectCommand> = {}): ConnectCommand {
    const { mode, perConnection } = this.options;
    const { nodes } = this;
    return { tag: "connect", target: this.current.grpc, mode, nodes, perConnection, ...NOTHING_SPECIAL, ...extra };
  }

  /** Waits until the server does nothing any more, so that work that follows a change is counted with it. False when it goes on. */
  async settle(): Promise<boolean> {
    const started = Date.now();
    for (let before = this.cpuMs(); ; ) {
      await sleep(POLL_MS);
      const now = this.cpuMs();
      if (now - before <= IDLE_MS) return true;
      if (Date.now() - started > SETTLE_TIMEOUT_MS) return false;
      before = now;
    }
  }

  async close(): Promise<void> {
    this.memory.close();
    this.client.close();
    await this.current.stop();
    this.release();
  }

  private cpuMs(): number {
    return processCpuMs(this.current.pid);
  }
}

const NOTHING_SPECIAL = { remember: false, relayed: [] } as const;

function serverOptions(folder: string, { main, serverArgs }: StageOptions) {
  return { folder, ...(main ? { main } : {}), ...(serverArgs ? { nodeArgs: serverArgs } : {}) };
}
