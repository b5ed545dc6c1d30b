// The only way to the worker threads: a Piscina pool, snapshot hand-out, and replacement of workers that die. Main thread.
import { availableParallelism } from "node:os";
import { getHeapStatistics } from "node:v8";
import { BroadcastChannel } from "node:worker_threads";
import { Piscina } from "piscina";
import { addCount } from "../../shared/counts.ts";
import { errorMessage, MizzenError } from "../../shared/errors.ts";
import type { ProxyViewRef } from "../../shared/model/proxy.ts";
import type { ResourceWant } from "../../shared/model/resource.ts";
import { BusyTable } from "../../shared/protocol/busy-table.ts";
import { poolChannelName } from "../../shared/protocol/channel.ts";
import type { Announcement, GenerateTask, WorkerStartup, WorkerTask } from "../../shared/protocol/input.ts";
import type { BatchGenerated, Generated, WorkerResult } from "../../shared/protocol/output.ts";
import type { ProfileReply } from "../../shared/protocol/profile.ts";
import { LAYOUT_REVISION } from "../../shared/snapshot/layout.ts";
import { completeHandle, type MeshSnapshot } from "../push/snapshot-builder.ts";
import type { Logger } from "../telemetry/log.ts";
import type { WorkerStats } from "../telemetry/metrics.ts";
import { affineBalancer, withAffinity } from "./affinity.ts";
import { LONG_TASK_MS, longTaskFields } from "./long-tasks.ts";
import { StuckWorkers } from "./stuck-workers.ts";
import { failure, isSmall, TaskBatches } from "./task-batches.ts";
import { WorkerProfiles } from "./worker-profiles.ts";

/** The longest tasks take a second. */
const TASK_LIMIT_MS = 30_000;
/** How often it is looked for workers that are stuck, in that time. */
const LOOKS = 10;
const WORKER_ENTRY = new URL("../../workers/worker.js", import.meta.url);
/** How long a worker generates before the first proxy comes: most code has been compiled by then. */
const REHEARSAL_MS = 500;
/** How often a task is run again after its worker died. */
const MAX_LOST_WORKERS = 3;
/** How often in a row the threads are started anew without a task done. */
const MAX_REVIVALS = 3;

export interface WorkerPoolOptions {
  /** Worker threads; by default one less than the machine has, at least one. */
  readonly workers?: number;
  readonly log: Logger;
  /** Told of each task and each lost worker, for metrics. */
  readonly onTask?: (queueMs: number, runMs: number) => void;
  /** Told of each task that took longer than LONG_TASK_MS. */
  readonly onLongTask?: () => void;
  readonly onWorkerLost?: () => void;
  /** A worker that takes longer for one task is ended, and the task given to another. */
  readonly taskLimitMs?: number;
  /** What each worker's heap may grow to, in 2^20 bytes; as the main thread's by default. One that needs more ends alone. */
  readonly heapMegabytes?: number;
  /** Another module for the threads: tests have some that misbehave. */
  readonly entry?: URL;
  /** Told when no workers can be started any more: nothing can be generated from then on. */
  readonly onBroken?: (error: MizzenError) => void;
}

type TaskBase = Pick<GenerateTask, "version" | "oldestInUse" | "complete">;

let pools = 0;

/** Owns the threads. `close` ends them. */
export class WorkerPool {
  readonly profiles: WorkerProfiles;
  private pool: Piscina;
  private readonly threads: number;
  private readonly startup: WorkerStartup;
  private readonly channel: BroadcastChannel;
  private readonly log: Logger;
  private readonly options: WorkerPoolOptions;
  /** Versions that tasks are under way for, with how many. */
  private readonly inUse = new Map<number, number>();
  private busyMs = 0;
  private closing = false;
  private revivals = 0;
  private lastError = "";
  private broken: MizzenError | undefined;
  private readonly batches: TaskBatches;
  private readonly stuck: StuckWorkers;
  private readonly lookout: NodeJS.Timeout;

  constructor(options: WorkerPoolOptions) {
    this.options = options;
    this.log = options.log;
    const channel = poolChannelName(`${process.pid}-${++pools}`);
    this.channel = new BroadcastChannel(channel);
    this.threads = options.workers ?? Math.max(1, availableParallelism() - 1);
    const busy = new BusyTable();
    this.startup = { layoutRevision: LAYOUT_REVISION, channel, busy: busy.buffer };
    const limitMs = options.taskLimitMs ?? TASK_LIMIT_MS;
    this.stuck = new StuckWorkers(busy, limitMs);
    this.lookout = setInterval(() => this.endStuck(), limitMs / LOOKS).unref();
    this.profiles = new WorkerProfiles({
      threadIds: () => this.pool.threads.map((thread) => thread.threadId),
      announce: (message) => this.announce(message),
      wake: () => this.wake(),
      log: this.log,
    });
    this.pool = this.startThreads();
    this.batches = new TaskBatches(this.threads, async (snapshot, items) => {
      const what = `${items.length} views`;
      const result = await this.attempt(snapshot, what, "", (base) => ({ ...base, tag: "batch", items }));
      return (result as BatchGenerated).items;
    });
  }

  get threadCount(): number {
    return this.pool.threads.length;
  }

  stats(): WorkerStats {
    return { threads: this.pool.threads.length, waiting: this.pool.queueSize, busyMs: this.busyMs };
  }

  /** Tasks that wait for a worker or that one works on. */
  get tasksUnderWay(): number {
    let sum = 0;
    for (const count of this.inUse.values()) sum += count;
    return sum;
  }

  /** Tells all workers of a new snapshot; they take it up with their next task. */
  publish(snapshot: MeshSnapshot): void {
    this.announce({ tag: "step", step: snapshot.step });
  }

  /**
   * Starts the threads' modules and indices before the first proxy asks, and lets them rehearse for a view: all threads, as long
   * as none has a task.
   */
  async warm(view?: ProxyViewRef): Promise<void> {
    const task: WorkerTask = { tag: "warm", ...(view ? { rehearsal: { view, budgetMs: REHEARSAL_MS } } : {}) };
    const results = await Promise.all(this.pool.threads.map(() => this.run(task)));
    for (const result of results) {
      if (!result.ok) this.log.warn({ error: result.message, stack: result.stack }, "a worker could not be warmed up");
    }
  }

  /**
   * Generates for one view. Small questions that are put in one turn of the event loop become one task. Rejects with the
   * MizzenError of the generator, or MIZZEN_ERR_WORKER_LOST after several deaths.
   */
  generate(snapshot: MeshSnapshot, view: ProxyViewRef, wants: readonly ResourceWant[]): Promise<Generated> {
    // Nearly all segments are the endpoints of one service each.
    if (isSmall(wants, snapshot.segments.size)) return this.batches.add(snapshot, view, wants);
    const key = `${view.id} ${wants.map(({ type, part, slice }) => `${type} ${part} ${slice?.index}`).join()}`;
    return this.attempt(snapshot, view.id, key, (base) => ({
      ...base,
      tag: "generate",
      view,
      wants,
    })) as Promise<Generated>;
  }

  /** Runs a task until it is done: one whose worker dies by another, and for a worker that is behind with the whole snapshot. */
  private async attempt(
    snapshot: MeshSnapshot,
    what: string,
    affinity: string,
    make: (base: TaskBase) => WorkerTask,
  ): Promise<WorkerResult & { readonly ok: true }> {
    // A closed pool would start new threads.
    if (this.closing) throw new MizzenError("MIZZEN_ERR_DRAINING", "the worker pool is closed");
    if (this.broken) throw this.broken;
    addCount(this.inUse, snapshot.version, 1);
    try {
      let lost = 0;
      let complete = false;
      for (;;) {
        const task = make({
          version: snapshot.version,
          oldestInUse: Math.min(...this.inUse.keys()) as GenerateTask["oldestInUse"],
          ...(complete ? { complete: completeHandle(snapshot) } : {}),
        });
        let result: WorkerResult;
        try {
          result = await this.run(affinity === "" ? task : withAffinity(task, affinity));
        } catch (error) {
          if (this.closing) throw new MizzenError("MIZZEN_ERR_DRAINING", "the worker pool is closed", { cause: error });
          if (this.broken) throw this.broken;
          lost++;
          this.lastError = errorMessage(error);
          this.options.onWorkerLost?.();
          this.log.warn(
            { view: what, version: snapshot.version, attempt: lost, error: errorMessage(error) },
            "a worker died with a task in hand; another one runs it again",
          );
          if (lost >= MAX_LOST_WORKERS) {
            throw new MizzenError("MIZZEN_ERR_WORKER_LOST", `${lost} workers died over the same task`, {
              cause: error,
            });
          }
          continue;
        }
        if (result.ok) return result;
        if (result.code === "MIZZEN_ERR_SNAPSHOT_GONE" && !complete) {
          complete = true;
          continue;
        }
        throw failure(result);
      }
    } finally {
      addCount(this.inUse, snapshot.version, -1);
    }
  }

  /** Ends one worker thread at once, as a crash would: for tests and fault drills. */
  async killWorker(index = 0): Promise<void> {
    await this.pool.threads[index]?.terminate();
  }

  async close(): Promise<void> {
    this.profiles.close();
    this.closing = true;
    clearInterval(this.lookout);
    this.channel.close();
    await this.pool.destroy();
  }

  private endStuck(): void {
    const { threads } = this.pool;
    const ids = this.stuck.look(
      threads.map((thread) => thread.threadId),
      performance.now(),
    );
    for (const thread of threads) {
      if (!ids.includes(thread.threadId)) continue;
      this.log.error({ thread: thread.threadId }, "a worker doesn't come back from a task, and is ended");
      void thread.terminate();
    }
  }

  private announce(message: Announcement): void {
    if (!this.closing) this.channel.postMessage(message);
  }

  /** As many tasks as there are threads: each idle one gets one, busy ones are waited for by what is left. */
  private async wake(): Promise<void> {
    if (this.closing || this.broken) return;
    const task: WorkerTask = { tag: "wake" };
    // Past the counting of tasks; one that is lost with its thread isn't missed.
    await Promise.allSettled(this.pool.threads.map(() => this.pool.run(task)));
  }

  private async run(task: WorkerTask): Promise<WorkerResult> {
    const started = performance.now();
    const result = (await this.pool.run(task)) as WorkerResult;
    this.revivals = 0;
    const total = performance.now() - started;
    const busy = result.ok ? result.attachMs + result.generateMs : 0;
    this.busyMs += busy;
    this.options.onTask?.(Math.max(0, total - busy), busy);
    if (result.ok && busy > LONG_TASK_MS) {
      this.options.onLongTask?.();
      this.log.debug(longTaskFields(task, result), `a task of a worker took longer than ${LONG_TASK_MS} ms`);
    }
    return result;
  }

  private startThreads(): Piscina {
    const pool = new Piscina({
      filename: (this.options.entry ?? WORKER_ENTRY).href,
      minThreads: this.threads,
      maxThreads: this.threads,
      idleTimeout: Number.POSITIVE_INFINITY,
      atomics: "sync",
      recordTiming: false,
      loadBalancer: affineBalancer,
      // Without a limit of its own, a worker whose heap is full ends the whole process.
      resourceLimits: { maxOldGenerationSizeMb: this.options.heapMegabytes ?? mainHeapMegabytes() },
      workerData: this.startup,
    });
    pool.on("error", (error: Error) => {
      this.lastError = errorMessage(error);
      if (!this.closing) this.log.error({ error: this.lastError }, "a worker failed outside a task");
    });
    pool.on("message", (reply: ProfileReply) => this.profiles.received(reply));
    pool.on("workerDestroy", () => setImmediate(() => this.checkThreads(pool)));
    return pool;
  }

  /** Piscina replaces threads that die, but none any more once one has died while it started. */
  private checkThreads(pool: Piscina): void {
    if (this.closing || this.broken || pool !== this.pool || pool.threads.length >= this.threads) return;
    if (++this.revivals > MAX_REVIVALS) {
      this.broken = new MizzenError("MIZZEN_ERR_WORKER_LOST", `workers cannot be started: ${this.lastError}`);
      this.options.onBroken?.(this.broken);
    } else {
      this.log.warn(
        { threads: pool.threads.length, wanted: this.threads },
        "too few workers are left; all are started anew",
      );
      this.pool = this.startThreads();
    }
    // Tasks in hand, and those that wait for threads that don't come, are run again by the new ones.
    pool.destroy().catch((error: unknown) => this.log.error({ error: errorMessage(error) }, "old workers did not end"));
  }
}

function mainHeapMegabytes(): number {
  return Math.floor(getHeapStatistics().heap_size_limit / 2 ** 20);
}
