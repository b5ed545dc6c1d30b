// Measures the phases on one mesh: a server process, a client process, and changes between them.
import { type ChildProcess, fork } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { Mode } from "../lib/ads-client.ts";
import type { ClientCommand, ClientReport, Counts } from "../lib/client-process.ts";
import { type ServerProcess, startServer } from "../lib/server-process.ts";
import {
  changeEndpoint,
  changeRoute,
  type MeshSize,
  markedAddress,
  markedHeader,
  meshNodes,
  writeMesh,
} from "../lib/synthetic-mesh.ts";
import type { BenchMesh, Phase } from "./scenarios.ts";

export interface Row {
  readonly mesh: string;
  readonly mode: Mode;
  readonly phase: Phase;
  readonly proxies: number;
  /** From the change, or from connecting, until a proxy has it: over all proxies and repetitions. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Of the server, for one repetition. */
  readonly cpuMs: number;
  /** For one proxy and one repetition. */
  readonly responses: number;
  readonly bytes: number;
  readonly peakMiB: number;
}

export interface MeasureOptions {
  readonly mesh: BenchMesh;
  readonly mode: Mode;
  readonly proxies: number;
  readonly repetitions: number;
  readonly nodeArgs?: readonly string[];
}

const STEP_TIMEOUT_MS = 180_000;
const CLIENT = fileURLToPath(new URL("../lib/client-process.js", import.meta.url));

export async function measure(options: MeasureOptions): Promise<readonly Row[]> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "mizzen-bench-"));
  const { size } = options.mesh;
  let server: ServerProcess | undefined;
  let client: ChildProcess | undefined;
  try {
    writeMesh(folder, size);
    server = await startServer(folder, options.nodeArgs);
    client = fork(CLIENT, { stdio: "inherit" });
    await nextReport(client);
    const steps = new Steps(server, client, options);
    const rows = [await steps.connect()];
    rows.push(await steps.changes("endpoint change", (serial) => endpointStep(folder, size, serial)));
    rows.push(await steps.changes("route change", (serial) => routeStep(folder, size, serial)));
    return rows;
  } finally {
    if (client?.connected) client.send({ tag: "close" } satisfies ClientCommand);
    await server?.stop();
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

/** A change to make, and the bytes that show it at a proxy. */
interface Change {
  readonly marker: string;
  make(): void;
}

function endpointStep(folder: string, size: MeshSize, serial: number): Change {
  const address = markedAddress(serial);
  return { marker: address, make: () => changeEndpoint(folder, size, serial % size.services, address) };
}

function routeStep(folder: string, size: MeshSize, serial: number): Change {
  const value = markedHeader(serial);
  return { marker: value, make: () => changeRoute(folder, size, serial % size.services, value) };
}

class Steps {
  private readonly server: ServerProcess;
  private readonly client: ChildProcess;
  private readonly options: MeasureOptions;

  constructor(server: ServerProcess, client: ChildProcess, options: MeasureOptions) {
    this.server = server;
    this.client = client;
    this.options = options;
  }

  async connect(): Promise<Row> {
    const { mesh, mode, proxies } = this.options;
    const cpu = this.server.cpuMs();
    const started = Date.now();
    const target = this.server.grpc;
    const reached = await this.command({ tag: "connect", target, mode, nodes: meshNodes(mesh.size, proxies) });
    await this.settle();
    return this.row("cold start", [reached], [started], this.server.cpuMs() - cpu);
  }

  async changes(phase: Phase, step: (serial: number) => Change): Promise<Row> {
    const reports: Reached[] = [];
    const starts: number[] = [];
    const cpu = this.server.cpuMs();
    for (let serial = 1; serial <= this.options.repetitions; serial++) {
      const change = step(serial);
      await this.command({ tag: "watch", marker: change.marker });
      starts.push(Date.now());
      const arrived = nextReport(this.client);
      change.make();
      reports.push(asReached(await arrived));
      await this.settle();
    }
    return this.row(phase, reports, starts, (this.server.cpuMs() - cpu) / this.options.repetitions);
  }

  /** Waits until the server does nothing any more, so that work that follows a change is counted with it. */
  private async settle(): Promise<void> {
    for (let before = this.server.cpuMs(); ; ) {
      await sleep(250);
      const now = this.server.cpuMs();
      if (now - before <= 10) return;
      before = now;
    }
  }

  private async command(command: ClientCommand): Promise<Reached> {
    const answer = nextReport(this.client);
    this.client.send(command);
    return asReached(await answer);
  }

  private row(phase: Phase, reports: readonly Reached[], starts: readonly number[], cpuMs: number): Row {
    const { mesh, mode, proxies } = this.options;
    const latencies = reports.flatMap(({ at }, index) => at.map((time) => time - starts[index]!)).sort((a, b) => a - b);
    const share = reports.length * proxies;
    const sum = (of: (counts: Counts) => number): number =>
      reports.reduce((total, { counts }) => total + of(counts), 0);
    return {
      mesh: mesh.name,
      mode,
      phase,
      proxies,
      p50Ms: quantile(latencies, 0.5),
      p99Ms: quantile(latencies, 0.99),
      cpuMs: Math.round(cpuMs),
      responses: sum((counts) => counts.responses) / share,
      bytes: Math.round(sum((counts) => counts.bytes) / share),
      peakMiB: this.server.peakMiB(),
    };
  }
}

interface Reached {
  readonly at: readonly number[];
  readonly counts: Counts;
}

function asReached(report: ClientReport): Reached {
  return report.tag === "reached" ? report : { at: [], counts: { responses: 0, bytes: 0 } };
}

function nextReport(client: ChildProcess): Promise<ClientReport> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => done(() => reject(new Error("not all proxies were reached in time"))),
      STEP_TIMEOUT_MS,
    );
    const onMessage = (report: ClientReport): void => {
      if (report.tag === "failed") done(() => reject(new Error(`a proxy's stream ended: ${report.reason}`)));
      else done(() => resolve(report));
    };
    const onExit = (): void => done(() => reject(new Error("the client process ended")));
    const done = (settle: () => void): void => {
      clearTimeout(timer);
      client.off("message", onMessage).off("exit", onExit);
      settle();
    };
    client.on("message", onMessage).on("exit", onExit);
  });
}

function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
}
