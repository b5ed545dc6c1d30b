// How many bytes may be on their way to proxies at once, over all streams. Main thread.
//
// The system takes what streams have to send in one turn of the event loop: a thousand proxies with megabytes each would hold
// up everything else for hundreds of milliseconds, and all that time all of it is in memory.
import type { Schedule } from "../../shared/schedule.ts";
import { type Lane, LaneTurns } from "./lane-turns.ts";

/** Bytes on their way that still let others begin. */
const LIMIT_BYTES = 16 * 1024 * 1024;
/** A proxy that reads slower than this doesn't hold up others. */
const SLOW_MS = 100;

/** What one stream has written and its proxy has not read yet. */
interface Hold {
  bytes: number;
  readonly since: number;
}

export interface WriteBudgetOptions {
  readonly schedule: Schedule;
  /** Milliseconds, monotonic. */
  readonly now: () => number;
  /** Runs something in a turn of the event loop of its own; setImmediate in production. */
  readonly soon: (run: () => void) => void;
}

/** Lets streams write in the order in which they ask; those whose proxies have nothing yet and all others take turns. */
export class WriteBudget {
  private readonly options: WriteBudgetOptions;
  private readonly holds = new Map<object, Hold>();
  private readonly waiting: Readonly<Record<Lane, (() => void)[]>> = { fresh: [], known: [] };
  private readonly turns = new LaneTurns();
  private bytes = 0;
  private admitting = false;
  private cancelExpiry: (() => void) | undefined;

  constructor(options: WriteBudgetOptions) {
    this.options = options;
  }

  /** Streams that wait for room. */
  get size(): number {
    return this.waiting.fresh.length + this.waiting.known.length;
  }

  /** Undefined when there is room; else resolves when there is. */
  turn(isNew = false): Promise<void> | undefined {
    if (this.bytes < LIMIT_BYTES && this.size === 0) return undefined;
    return new Promise((resolve) => {
      this.waiting[isNew ? "fresh" : "known"].push(resolve);
      this.expireLater();
    });
  }

  /** Notes what a stream has written, until it is released. */
  hold(stream: object, bytes: number): void {
    const known = this.holds.get(stream);
    if (known) known.bytes += bytes;
    else this.holds.set(stream, { bytes, since: this.options.now() });
    this.bytes += bytes;
    if (this.size > 0) this.expireLater();
  }

  /** The stream's bytes are gone, or the stream is. */
  release(stream: object): void {
    const known = this.holds.get(stream);
    if (!known) return;
    this.holds.delete(stream);
    this.bytes -= known.bytes;
    this.admit();
  }

  /** One after the other, each in a turn of its own: what one writes counts before the next is let in. */
  private admit(): void {
    if (this.admitting || this.size === 0 || this.bytes >= LIMIT_BYTES) return;
    this.admitting = true;
    this.options.soon(() => {
      this.admitting = false;
      this.next()?.();
      // It goes on in this same turn; this looks again in the next one.
      this.options.soon(() => this.admit());
    });
  }

  private next(): (() => void) | undefined {
    const { fresh, known } = this.waiting;
    return this.waiting[this.turns.next(fresh.length > 0, known.length > 0)].shift();
  }

  private expireLater(): void {
    this.cancelExpiry ??= this.options.schedule(SLOW_MS, () => {
      this.cancelExpiry = undefined;
      const now = this.options.now();
      for (const [stream, { since }] of this.holds) {
        if (now - since < SLOW_MS) break;
        this.release(stream);
      }
      if (this.size > 0 && this.holds.size > 0) this.expireLater();
    });
  }
}
