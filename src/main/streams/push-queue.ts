// The push queue: who is to be served, each once, in order of arrival, a bounded number at a time. Main thread.

/** Someone that the queue serves. */
export interface QueueJob {
  /** Does all that is to be done by now. Must not reject. */
  serve(): Promise<void>;
}

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
  private sliceStart = 0;
  private resting = false;

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
    const now = this.options.now();
    if (this.waiting.size === 0 && this.working.size === 0) this.sliceStart = now;
    this.waiting.set(job, now);
    this.pump();
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

  private pump(): void {
    while (!this.resting && this.working.size < this.options.limit) {
      const next = this.waiting.entries().next().value;
      if (!next) break;
      const now = this.options.now();
      if (now - this.sliceStart > SLICE_MS) {
        this.rest();
        return;
      }
      const [job, since] = next;
      this.waiting.delete(job);
      this.working.add(job);
      this.options.onStart?.(now - since);
      job.serve().then(
        () => this.finished(job),
        (error: unknown) => {
          this.options.onError(error);
          this.finished(job);
        },
      );
    }
  }

  private finished(job: QueueJob): void {
    this.working.delete(job);
    if (this.again.delete(job)) this.waiting.set(job, this.options.now());
    this.pump();
    this.settle();
  }

  /** Lets the event loop turn before more is done. */
  private rest(): void {
    this.resting = true;
    setImmediate(() => {
      this.resting = false;
      this.sliceStart = this.options.now();
      this.pump();
    });
  }

  private settle(): void {
    if (this.waiting.size > 0 || this.working.size > 0 || this.idle.length === 0) return;
    const idle = this.idle;
    this.idle = [];
    for (const resolve of idle) resolve();
  }
}
