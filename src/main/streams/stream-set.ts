// All connected proxies, and the way of a publication to them. Main thread.
import type { Publication } from "../push/contracts.ts";
import type { StreamSession } from "./stream-session.ts";

/** Longest run of work between two turns of the event loop. */
const SLICE_MS = 5;
/** Streams between two looks at the clock. */
const CHECK_EVERY = 32;

/** Knows every open stream. */
export class StreamSet {
  private readonly sessions = new Set<StreamSession>();

  get size(): number {
    return this.sessions.size;
  }

  add(session: StreamSession): void {
    this.sessions.add(session);
  }

  delete(session: StreamSession): void {
    this.sessions.delete(session);
  }

  /** In order of connection. */
  all(): Iterable<StreamSession> {
    return this.sessions;
  }

  /**
   * Tells every stream what may have changed; gives how many have work. Nothing is generated here: it is a few look-ups
   * for each proxy, and other work gets its turn in between.
   */
  async publish(publication: Publication, now: () => number): Promise<number> {
    let affected = 0;
    let told = 0;
    let began = now();
    // A stream that is added meanwhile is told too, and finds that it has everything.
    for (const session of this.sessions) {
      if (session.published(publication)) affected++;
      if (++told % CHECK_EVERY !== 0 || now() - began < SLICE_MS) continue;
      await new Promise((resolve) => setImmediate(resolve));
      began = now();
    }
    return affected;
  }
}
