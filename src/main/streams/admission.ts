// How many new connections are taken up at once. Main thread; sockets only by what they can do.
//
// After a restart thousands of proxies return within a second. Each costs some hundred microseconds until its first request is
// read: the HTTP/2 session, the call, its node. Taken up as the system hands them over they would hold up the event loop, and
// with it pushes to the proxies that are there already, for as long as all of them take. So a few are in the making at a time.

import type { Schedule } from "../../shared/schedule.ts";

/** A connection that nothing is read from yet. */
export interface NewConnection {
  /** Address and port: no two open connections have the same. */
  readonly peer: string;
  /** Hands it to the server, which reads it from then on. */
  begin(): void;
}

export interface AdmissionOptions {
  readonly schedule: Schedule;
  /** Milliseconds, monotonic. */
  readonly now: () => number;
}

/** Connections in the making at a time: what they bring in one turn of the event loop takes a few milliseconds. */
const MAX_BEGINNING = 8;
/** A connection that sends no request for so long makes room for the next. */
const PATIENCE_MS = 10;

/** Admits connections in the order in which they came. */
export class Admission {
  private readonly options: AdmissionOptions;
  private readonly waiting = new Map<string, NewConnection>();
  /** When each was begun, in that order. */
  private readonly beginning = new Map<string, number>();
  private cancelLook: (() => void) | undefined;

  constructor(options: AdmissionOptions) {
    this.options = options;
  }

  /** Connections that wait to be taken up. */
  get size(): number {
    return this.waiting.size;
  }

  /** Takes up a connection, now or later. */
  offer(connection: NewConnection): void {
    this.waiting.set(connection.peer, connection);
    this.admit();
  }

  /** The connection's first request is read, or it is gone. */
  settled(peer: string): void {
    const waited = this.waiting.delete(peer);
    if (this.beginning.delete(peer) && !waited) this.admit();
  }

  /** Forgets all of them; those that wait are not begun any more. */
  close(): void {
    this.waiting.clear();
    this.beginning.clear();
    this.cancelLook?.();
    this.cancelLook = undefined;
  }

  private admit(): void {
    for (const [peer, connection] of this.waiting) {
      if (this.beginning.size >= MAX_BEGINNING) break;
      this.waiting.delete(peer);
      this.beginning.set(peer, this.options.now());
      connection.begin();
    }
    if (this.waiting.size > 0) this.lookLater();
  }

  /** While some wait, those that are silent are passed over. */
  private lookLater(): void {
    if (this.cancelLook) return;
    this.cancelLook = this.options.schedule(PATIENCE_MS, () => {
      this.cancelLook = undefined;
      const now = this.options.now();
      for (const [peer, since] of this.beginning) {
        if (now - since < PATIENCE_MS) break;
        this.beginning.delete(peer);
      }
      this.admit();
    });
  }
}
