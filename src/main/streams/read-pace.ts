// When large acknowledgements are read. Main thread.
//
// In the state of the world a proxy repeats in each acknowledgement the names of all it asks for: a push to a thousand proxies
// brings a hundred megabytes back, whose reading would hold up the proxies that are not served yet, and then the event loop for as
// long as all of it takes. So a connection that was sent something isn't read until the push is out, and then a few at a time.

import type { Schedule } from "../../shared/schedule.ts";

/** A connection whose reading can wait. */
export interface PacedConnection {
  /** What comes stays in the system's buffers. */
  stopReading(): void;
  /** Reads again; does nothing for a connection that is gone. */
  startReading(): void;
}

export interface ReadPaceOptions {
  /** True while proxies wait to be served. */
  readonly busy: () => boolean;
  /** Milliseconds, monotonic. */
  readonly now: () => number;
  /** Runs something in the next turn of the event loop; setImmediate in production. */
  readonly soon: (run: () => void) => void;
  readonly schedule: Schedule;
}

/** Bytes that one turn of the event loop reads: a few milliseconds. */
const BYTES_PER_TURN = 2 * 1024 * 1024;
/** Longest time that a connection waits for pushes to others. */
const MAX_WAIT_MS = 100;
/** How often it is looked whether pushes are out. */
const LOOK_MS = 1;

interface Waiting {
  bytes: number;
  readonly since: number;
}

/** Lets connections be read in the order in which they were sent something. */
export class ReadPace {
  private readonly options: ReadPaceOptions;
  private readonly waiting = new Map<PacedConnection, Waiting>();
  private scheduled = false;

  constructor(options: ReadPaceOptions) {
    this.options = options;
  }

  /** Connections that are not read now. */
  get size(): number {
    return this.waiting.size;
  }

  /** Stops reading a connection from which so many bytes are to come, until its turn. */
  hold(connection: PacedConnection, bytes: number): void {
    const known = this.waiting.get(connection);
    if (known) {
      known.bytes += bytes;
      return;
    }
    connection.stopReading();
    this.waiting.set(connection, { bytes, since: this.options.now() });
    if (this.scheduled) return;
    this.scheduled = true;
    this.options.soon(() => this.turn());
  }

  private turn(): void {
    const { busy, now, soon, schedule } = this.options;
    let left = BYTES_PER_TURN;
    const inHaste = busy();
    const began = now();
    for (const [connection, { bytes, since }] of this.waiting) {
      if (left <= 0) break;
      if (inHaste && began - since < MAX_WAIT_MS) break;
      this.waiting.delete(connection);
      connection.startReading();
      left -= bytes;
    }
    if (this.waiting.size === 0) {
      this.scheduled = false;
      return;
    }
    const again = (): void => this.turn();
    if (inHaste) schedule(LOOK_MS, again);
    else soon(again);
  }
}
