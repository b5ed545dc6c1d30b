// The server's memory over time, looked at from outside once a second, and its heap by asking it.
import { clockMs } from "../lib/clock.ts";
import type { MemoryPoint } from "../report/row.ts";
import { residentMiB } from "../server/proc-stat.ts";
import type { ServerProcess } from "../server/server-process.ts";

const PERIOD_MS = 1000;

/** Owns its timer; `close` ends it. */
export class MemoryRecord {
  readonly points: MemoryPoint[] = [];
  private readonly server: () => ServerProcess;
  private readonly started = clockMs();
  private readonly timer: NodeJS.Timeout;
  private asking = false;
  private paused = false;

  constructor(server: () => ServerProcess) {
    this.server = server;
    this.timer = setInterval(() => this.look(), PERIOD_MS);
  }

  /** While there is no server. */
  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
  }

  close(): void {
    clearInterval(this.timer);
  }

  private look(): void {
    // A server whose event loop is held up answers late; its questions must not pile up.
    if (this.asking || this.paused) return;
    this.asking = true;
    const server = this.server();
    const { rssMiB } = residentMiB(server.pid);
    const seconds = (clockMs() - this.started) / 1000;
    server
      .usage()
      .then(({ heapMiB }) => void this.points.push({ seconds, rssMiB, heapMiB }))
      // It was ended meanwhile: there is nothing to record, and who ended it knows.
      .catch(() => undefined)
      .finally(() => {
        this.asking = false;
      });
  }
}
