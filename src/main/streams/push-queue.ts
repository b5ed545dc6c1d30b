// The push queue: who is to be served, each once, in order of arrival, a bounded number at a time. Main thread.

/** Someone that the queue serves. */
export interface QueueJob {
  /** Does all that is to be done by now, at once where it can. Must not fail. */
  serve(): void | Promise<void>;
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

/** A fair queue: a job that comes again while it waits keeps its place, one that is in work comes again at the end. */
export class PushQueue {
  private readonly options: PushQueueOptions;
  private readonly waiting = new Map<QueueJob, number>();
  private readonly working = new Set<QueueJob>();
  private readonly again = new Set<QueueJob>();
  private idle: (() => void)[] = [];
  private scheduled = false;

  constructor(options: PushQueueOptions) {
    this.options = options;
  }

  /** Jobs that wait. */
  get size(): number {
    return this.waiting.size;
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
    if (this.waiting.has(job)) return;
    this.waiting.set(job, this.options.now());
    this.schedule();
  }

  /** Forgets a job; if it is in work, this ends first. */
  remove(job: QueueJob): void {
    this.waiting.delete(job);
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
    if (this.scheduled || this.waiting.size === 0 || this.working.size >= this.options.limit) return;
    this.scheduled = true;
    setImmediate(() => {
      this.scheduled = false;
      this.pump();
    });
  }

  private pump(): void {
    const began = this.options.now();
    while (this.working.size < this.options.limit) {
      const next = this.waiting.entries().next().value;
      if (!next) return;
      const now = this.options.now();
      if (now - began > SLICE_MS) break;
      this.start(next[0], now - next[1]);
    }
    this.schedule();
  }

  private start(job: QueueJob, waitedMs: number): void {
    this.waiting.delete(job);
    this.working.add(job);
    this.options.onStart?.(waitedMs);
    const failed = (error: unknown): void => {
      this.options.onError(error);
      this.finished(job);
    };
    try {
      const served = job.serve();
      if (served) served.then(() => this.finished(job), failed);
      else this.finished(job);
    } catch (error) {
      failed(error);
    }
  }

  private finished(job: QueueJob): void {
    this.working.delete(job);
    if (this.again.delete(job)) this.waiting.set(job, this.options.now());
    this.schedule();
    this.settle();
  }

  private settle(): void {
    if (this.waiting.size > 0 || this.working.size > 0 || this.idle.length === 0) return;
    const idle = this.idle;
    this.idle = [];
    for (const resolve of idle) resolve();
  }
}
