// Profiles of the worker threads: has their samplers start and stop, and gathers what they sampled. Main thread.
//
// Workers take up announcements at the start of a task only, and no task can be given to a certain one. So each that
// hasn't answered yet is announced to again, with tasks for all that are idle, until all have answered or died.
import type { ProfileKind, ProfileReply, ProfileStart, ProfileStop } from "../../shared/protocol/profile.ts";
import type { Logger } from "../telemetry/log.ts";

/** Between two announcements: doubled from the first to the last. */
const FIRST_PAUSE_MS = 10;
const LAST_PAUSE_MS = 500;

/** What a pool lends to its profiles. */
export interface ProfiledPool {
  /** Node's ids of the threads that live. */
  readonly threadIds: () => readonly number[];
  readonly announce: (message: ProfileStart | ProfileStop) => void;
  /** Gives each idle thread an empty task. Resolves when all are done or lost; never rejects. */
  readonly wake: () => Promise<void>;
  readonly log: Logger;
}

/** What one thread sampled, in pprof's protobuf. */
export interface ThreadProfile {
  readonly thread: string;
  readonly bytes: Uint8Array;
}

/** A profile that is being taken of worker threads. */
export interface WorkerProfiling {
  /**
   * Ends it, once. Resolves with the parts of all threads that have lived until now, after the longest task or `limitMs`;
   * the log says whose part is missing. Never rejects.
   */
  stop(limitMs: number): Promise<readonly ThreadProfile[]>;
}

/** Takes profiles of one pool's threads, one at a time. `close` ends the one that is being taken, with what is there. */
export class WorkerProfiles {
  private readonly pool: ProfiledPool;
  /** Numbers by thread id. A thread that takes another's place takes its number. */
  private readonly numbers = new Map<number, number>();
  private current: Session | undefined;
  private sessions = 0;

  constructor(pool: ProfiledPool) {
    this.pool = pool;
  }

  /** Names of the threads that live: `worker-1` and so on. */
  names(): string[] {
    return [...this.threads().values()];
  }

  /** Starts to sample all threads that live now, or one of `names()`. */
  start(kind: ProfileKind, seconds: number, only?: string): WorkerProfiling {
    const threads = [...this.threads()].filter(([, name]) => only === undefined || name === only);
    this.current?.close();
    const begin = {
      tag: "profile-start",
      id: ++this.sessions,
      kind,
      seconds,
      threads: threads.map(([id]) => id),
    } as const;
    const session = new Session(this.pool, begin, new Map(threads), () => {
      if (this.current === session) this.current = undefined;
    });
    this.current = session;
    session.announce();
    return session;
  }

  /** Takes what a worker says outside of tasks. */
  received(reply: ProfileReply): void {
    this.current?.received(reply);
  }

  close(): void {
    this.current?.close();
  }

  /** Names by thread id, in the order of their numbers. */
  private threads(): Map<number, string> {
    const alive = this.pool.threadIds();
    for (const id of this.numbers.keys()) if (!alive.includes(id)) this.numbers.delete(id);
    const taken = new Set(this.numbers.values());
    let free = 1;
    for (const id of alive) {
      if (this.numbers.has(id)) continue;
      while (taken.has(free)) free++;
      taken.add(free);
      this.numbers.set(id, free);
    }
    const sorted = [...this.numbers].sort(([, a], [, b]) => a - b);
    return new Map(sorted.map(([id, number]) => [id, `worker-${number}`]));
  }
}

class Session implements WorkerProfiling {
  private readonly pool: ProfiledPool;
  private readonly begin: ProfileStart;
  private readonly names: ReadonlyMap<number, string>;
  /** Threads whose next answer is waited for: to the start, then to the stop. */
  private waiting: Set<number>;
  private readonly failed = new Set<number>();
  private readonly parts: ThreadProfile[] = [];
  private stopping: { readonly deadline: number; readonly done: () => void } | undefined;
  private timer: NodeJS.Timeout | undefined;
  private pauseMs = FIRST_PAUSE_MS;
  private waking = false;
  private closed = false;
  private readonly ended: () => void;

  constructor(pool: ProfiledPool, begin: ProfileStart, names: ReadonlyMap<number, string>, ended: () => void) {
    this.pool = pool;
    this.begin = begin;
    this.names = names;
    this.ended = ended;
    this.waiting = new Set(names.keys());
  }

  async stop(limitMs: number): Promise<readonly ThreadProfile[]> {
    if (!this.closed) {
      this.waiting = new Set([...this.names.keys()].filter((id) => !this.failed.has(id)));
      this.pauseMs = FIRST_PAUSE_MS;
      await new Promise<void>((done) => {
        this.stopping = { deadline: performance.now() + limitMs, done };
        this.announce();
      });
      this.close();
    }
    return this.parts;
  }

  received(reply: ProfileReply): void {
    const name = this.names.get(reply.thread);
    if (this.closed || reply.id !== this.begin.id || name === undefined || !this.waiting.has(reply.thread)) return;
    // A thread may answer to the start when it is stopped already.
    if (reply.tag === "profile-started" && this.stopping) return;
    this.waiting.delete(reply.thread);
    if (reply.tag === "profile-done") this.parts.push({ thread: name, bytes: reply.bytes });
    if (reply.tag === "profile-failed") this.miss(reply.thread, reply.reason);
    if (this.waiting.size === 0) this.answered();
  }

  /** Without waiting for anybody. */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    clearTimeout(this.timer);
    // Those that sample still must not go on.
    if (!this.stopping) this.pool.announce({ tag: "profile-stop", id: this.begin.id });
    this.stopping?.done();
    this.ended();
  }

  /** Tells those that are waited for, again and again. */
  announce(): void {
    clearTimeout(this.timer);
    const alive = this.pool.threadIds();
    for (const id of this.waiting) {
      if (!alive.includes(id)) this.miss(id, "the thread ended");
    }
    const { stopping } = this;
    if (stopping && performance.now() >= stopping.deadline) {
      for (const id of this.waiting) this.miss(id, "the thread did not answer");
    }
    if (this.waiting.size === 0) {
      this.answered();
      return;
    }
    this.pool.announce(stopping ? { tag: "profile-stop", id: this.begin.id } : this.begin);
    if (!this.waking) {
      this.waking = true;
      void this.pool.wake().then(() => {
        this.waking = false;
      });
    }
    this.timer = setTimeout(() => this.announce(), this.pauseMs);
    this.pauseMs = Math.min(this.pauseMs * 2, LAST_PAUSE_MS);
  }

  private answered(): void {
    clearTimeout(this.timer);
    this.stopping?.done();
  }

  private miss(id: number, reason: string): void {
    this.waiting.delete(id);
    this.failed.add(id);
    this.pool.log.warn({ thread: this.names.get(id), reason }, "a thread's part is missing in the profile");
  }
}
