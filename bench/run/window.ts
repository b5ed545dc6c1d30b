// What the server used between two moments.
import type { Counts } from "../client/messages.ts";
import { clockMs } from "../lib/clock.ts";
import type { Distribution } from "../report/percentiles.ts";
import type { Row } from "../report/row.ts";
import { machineBusyMs, processCpuMs, resetPeak, residentMiB } from "../server/proc-stat.ts";
import { tasksBetween, type WorkerTasks } from "../server/worker-tasks.ts";
import type { Stage } from "./stage.ts";

/** What a step knows by itself; the window adds the rest. */
export interface Measured {
  readonly step: string;
  readonly times: number;
  readonly expected: number;
  readonly reached: number;
  readonly latency: Distribution;
  readonly spreadMs: number;
  readonly counts: Counts;
  /** 0 when absent. */
  readonly coreShare?: number;
  readonly notes: readonly string[];
}

export class Window {
  private readonly stage: Stage;
  private readonly startedMs = clockMs();
  private readonly busyMs = machineBusyMs();
  private readonly clientMs: number;
  private readonly selfMs = selfCpuMs();
  private readonly cpuMs: number;
  private readonly tasks: WorkerTasks | undefined;

  private constructor(stage: Stage, cpuMs: number, tasks: WorkerTasks | undefined) {
    this.stage = stage;
    this.cpuMs = cpuMs;
    this.tasks = tasks;
    this.clientMs = processCpuMs(stage.client.pid);
  }

  static async open(stage: Stage): Promise<Window> {
    // Writing the metrics is work for the server: before and after all else that is measured.
    const tasks = await stage.server.workerTasks();
    resetPeak(stage.server.pid);
    const { cpuMs } = await stage.server.usage();
    await stage.server.watchLoop();
    return new Window(stage, cpuMs, tasks);
  }

  async close(measured: Measured): Promise<Row> {
    const { scenario, mesh, mode, proxies } = this.stage.options;
    const { times, counts } = measured;
    const elapsed = clockMs() - this.startedMs;
    const loop = await this.stage.server.loop();
    const { cpuMs, heapMiB } = await this.stage.server.usage();
    const clientMs = processCpuMs(this.stage.client.pid) - this.clientMs;
    const others = machineBusyMs() - this.busyMs - (cpuMs - this.cpuMs) - clientMs - (selfCpuMs() - this.selfMs);
    const resident = residentMiB(this.stage.server.pid);
    const tasks = tasksBetween(this.tasks, await this.stage.server.workerTasks());
    const share = times * proxies;
    const bytesOf = Object.entries(counts.bytesOf).map(([type, bytes]) => [type, bytes / share] as const);
    const { step, expected, reached, latency, spreadMs, notes, coreShare = 0 } = measured;
    return {
      scenario: scenario.name,
      mesh: mesh.name,
      ...{ mode, step, proxies, times, expected, reached, latency, spreadMs, loop, coreShare },
      services: this.stage.mesh.services.length,
      cpuMs: (cpuMs - this.cpuMs) / times,
      elapsedMs: elapsed / times,
      responses: counts.responses / share,
      bytes: counts.bytes / share,
      bytesOf: Object.fromEntries(bytesOf),
      heapMiB,
      ...resident,
      othersCpu: Math.max(0, others / elapsed),
      clientCpu: clientMs / elapsed,
      ...tasks,
      notes,
    };
  }
}

function selfCpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** Sums of two steps' counts. */
export function addCounts(a: Counts, b: Counts): Counts {
  const types = new Set([...Object.keys(a.bytesOf), ...Object.keys(b.bytesOf)]) as Set<keyof Counts["bytesOf"]>;
  const bytesOf = [...types].map((type) => [type, (a.bytesOf[type] ?? 0) + (b.bytesOf[type] ?? 0)] as const);
  return {
    responses: a.responses + b.responses,
    bytes: a.bytes + b.bytes,
    bytesOf: Object.fromEntries(bytesOf),
  };
}

export const NO_COUNTS: Counts = { responses: 0, bytes: 0, bytesOf: {} };
