// Lets the main thread go first where cores are short. Worker threads only.
import { readlinkSync } from "node:fs";
import { setPriority } from "node:os";

/** As `nice` counts: a third of the main thread's share of a core that both want. */
const NICENESS = 5;

/**
 * Proxies wait for the main thread's event loop, and it for the system to give it a core: on a machine whose cores are all in use
 * that was most of its delay. Does nothing where threads have no priorities of their own (other systems than Linux).
 */
export function yieldToMain(): void {
  if (process.platform !== "linux") return;
  try {
    const thread = Number(readlinkSync("/proc/thread-self").split("/").pop());
    setPriority(thread, NICENESS);
  } catch {
    // A sandbox without /proc, or that forbids it: everything works as well with equal priorities.
  }
}
