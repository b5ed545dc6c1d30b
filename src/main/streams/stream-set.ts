// All connected proxies, and the way of a publication to them. Main thread.
import type { Publication } from "../push/contracts.ts";
import type { StreamSession } from "./stream-session.ts";

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
   * Tells every stream what may have changed; gives how many have work. Nothing is generated here, so that this is a few
   * look-ups for each proxy, and all see the plan of the same push.
   */
  publish(publication: Publication): number {
    let affected = 0;
    for (const session of this.sessions) if (session.published(publication)) affected++;
    return affected;
  }
}
