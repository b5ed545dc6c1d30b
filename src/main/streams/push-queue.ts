// The push queue: who is to be served, each once, in order of arrival, a bounded number at a time. Main thread.

import { type Lane, LaneTurns } from "./lane-turns.ts";

/** Someone that the queue serves. */
export interface QueueJob {
  /** Does all that is to be done by now, at once where it can. Must not fail. */
  serve(): void | Promise<void>;
  /** Does what doesn't wait for the rest, which keeps its place. Must not fail. */
  serveUrgent(): void | Promise<void>;
  /** True for one that has nothing yet. */
  readonly isNew: boolean;
}

/** How the queue works, and who is told of it. */
export interface PushQueueOptions {
  /** Jobs in work at once. */
  readonly limit: number;
  /** Milliseconds, monotonic. */
  readonly now: () => number;
  /** Told how long a job has waited. */
  readonly onStart?: (waitedMs: number) => void;
  /** Told of a job that failed against its contract. */
  readonly onError: (error: unknown) => void;
}

/** Longest run of work between two turns of the event loop. */
const SLICE_MS = 8;

/**
 * A fair queue: a job that comes again while it waits keeps its place, one that is in work comes again at the end. Those that have
 * nothing yet and all others take turns, so that neither a storm of new ones nor a push to all holds up the others. What is urgent
 * is done before, with a limit of its own: it waits for generation only, and for no room to write.
 */
export class PushQueue {
  private readonly options: PushQueueOptions;
  private readonly lanes: Readonly<Record<Lane, Map<QueueJob, number>>> = {
    fresh: new Map(),
    known: new Map(),
  };
  private readonly urgent = new Map<QueueJob, number>();
  private urgentUnderWay = 0;
  private readonly turns = new LaneTurns();
  private readonly working = new Set<QueueJob>();
  private readonly again = new Set<QueueJob>();
  private idle: (() => void)[] = [];
  private scheduled = false;

  constructor(options: PushQueueOptions) {
    this.options = options;
  }

  /** Jobs that wait. */
  get size(): number {
    return this.lanes.fresh.size + this.lanes.known.size + this.urgent.size;
  }

  /** Jobs in work. */
  get active(): number {
    return this.working.size;
  }

  add(job: QueueJob): void {
    if (this.working.has(job)) {
      this.again.add(job);
      return;
    }
    this.wait(job);
    this.schedule();
  }

  /** Has the job do what is urgent. */
  hurry(job: QueueJob): void {
    if (this.urgent.has(job)) return;
    this.urgent.set(job, this.options.now());
    this.schedule();
  }

  /** Forgets a job; if it is in work, this ends first. */
  remove(job: QueueJob): void {
    this.lanes.fresh.delete(job);
    this.lanes.known.delete(job);
    this.urgent.delete(job);
    this.again.delete(job);
    this.settle();
  }

  /** Resolves when nothing waits and nothing is in work. */
  whenIdle(): Promise<void> {
    return new Promise((resolve) => {
      this.idle.push(resolve);
      this.settle();
    });
  }

  /** Jobs start in a turn of their own: whoever adds a thousand of them is done first. */
  private schedule(): void {
    if (this.scheduled || (!this.mayHurry() && !this.mayStart())) return;
    this.scheduled = true;
    setImmediate(() => {
      this.scheduled = false;
      this.pump();
    });
  }

  private pump(): void {
    const began = this.options.now();
    for (;;) {
      const lane = this.mayHurry() ? this.urgent : this.mayStart() ? this.nextLane() : undefined;
      if (!lane) return;
      const now = this.options.now();
      if (now - began > SLICE_MS) break;
      const [job, since] = lane.entries().next().value!;
      lane.delete(job);
      this.options.onStart?.(now - since);
      if (lane === this.urgent) this.startUrgent(job);
      else this.start(job);
    }
    this.schedule();
  }

  private wait(job: QueueJob): void {
    const { fresh, known } = this.lanes;
    if (fresh.has(job) || known.has(job)) return;
    (job.isNew ? fresh : known).set(job, this.options.now());
  }

  private mayHurry(): boolean {
    return this.urgent.size > 0 && this.urgentUnderWay < this.options.limit;
  }

  private mayStart(): boolean {
    return this.working.size < this.options.limit && this.lanes.fresh.size + this.lanes.known.size > 0;
  }

  private nextLane(): Map<QueueJob, number> {
    const { fresh, known } = this.lanes;
    return this.lanes[this.turns.next(fresh.size > 0, known.size > 0)];
  }

  private startUrgent(job: QueueJob): void {
    this.urgentUnderWay++;
    this.run(
      () => job.serveUrgent(),
      () => {
        this.urgentUnderWay--;
        this.schedule();
        this.settle();
      },
    );
  }

  private start(job: QueueJob): void {
    this.working.add(job);
    this.run(
      () => job.serve(),
      () => this.finished(job),
    );
  }

  /** Calls `done` when it is served, at once where it can; also when that fails. */
  private run(serve: () => void | Promise<void>, done: () => void): void {
    const failed = (error: unknown): void => {
      this.options.onError(error);
      done();
    };
    let served: void | Promise<void>;
    try {
      served = serve();
    } catch (error) {
      failed(error);
      return;
    }
    if (served) served.then(done, failed);
    else done();
  }

  private finished(job: QueueJob): void {
    this.working.delete(job);
    if (this.again.delete(job)) this.wait(job);
    this.schedule();
    this.settle();
  }

  private settle(): void {
    if (this.size > 0 || this.working.size > 0 || this.urgentUnderWay > 0 || this.idle.length === 0) return;
    const idle = this.idle;
    this.idle = [];
    for (const resolve of idle) resolve();
  }
}
