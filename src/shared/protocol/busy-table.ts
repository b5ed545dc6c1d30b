// Where workers say that they work on a task, for a main thread that gets no other sign of them until it is done. Any thread.

/** More than threads that live at the same time: each has a place by its id. */
const PLACES = 1024;

/** A count for each worker thread: odd while it works on a task. Shared by all threads. */
export class BusyTable {
  readonly buffer: SharedArrayBuffer;
  private readonly counts: Int32Array;

  /** A new table, or one that another thread has made. */
  constructor(buffer: SharedArrayBuffer = new SharedArrayBuffer(PLACES * Int32Array.BYTES_PER_ELEMENT)) {
    this.buffer = buffer;
    this.counts = new Int32Array(buffer);
  }

  /** The thread has just begun to live. */
  enter(thread: number): void {
    Atomics.store(this.counts, thread % PLACES, 0);
  }

  /** The thread begins its task, or ends it. */
  turn(thread: number): void {
    Atomics.add(this.counts, thread % PLACES, 1);
  }

  /** The same number for as long as the thread works on the same task; undefined while it has none. */
  task(thread: number): number | undefined {
    const count = Atomics.load(this.counts, thread % PLACES);
    return count % 2 === 0 ? undefined : count;
  }
}
