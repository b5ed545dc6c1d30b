// How long the server's main thread held up its own event loop, apart from what others on the machine took from it. Main thread
// of the server.
import { openSync, readSync } from "node:fs";

/** How late a timer was, without the time in which the thread waited for a core. */
export class OwnDelay {
  private readonly resolutionMs: number;
  private timer: NodeJS.Timeout | undefined;
  private readonly delays: number[] = [];

  constructor(resolutionMs: number) {
    this.resolutionMs = resolutionMs;
  }

  start(): void {
    this.stop();
    this.delays.length = 0;
    let last = performance.now();
    let lastRan = ranMs();
    this.timer = setInterval(() => {
      const now = performance.now();
      const ran = ranMs();
      this.delays.push(Math.max(0, Math.min(now - last - this.resolutionMs, ran - lastRan)));
      last = now;
      lastRan = ran;
    }, this.resolutionMs);
    this.timer.unref();
  }

  stop(): void {
    clearInterval(this.timer);
  }

  /** The delay that so large a share doesn't exceed. */
  atMost(share: number): number {
    const sorted = this.delays.sort((a, b) => a - b);
    return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  }
}

const STATISTICS = openSync(`/proc/self/task/${process.pid}/schedstat`, "r");
const text = Buffer.alloc(128);

/** Milliseconds that the main thread has had a core (https://docs.kernel.org/scheduler/sched-stats.html). */
function ranMs(): number {
  const length = readSync(STATISTICS, text, 0, text.length, 0);
  return Number(text.toString("latin1", 0, Math.min(length, text.indexOf(" ")))) / 1e6;
}
