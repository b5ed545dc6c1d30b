// Waiting for conditions instead of for time.
import { setTimeout as sleep } from "node:timers/promises";

/**
 * Asks again every `everyMs` until the answer is there (anything but undefined and false), and gives it. An error of
 * `ask` counts as "not yet". After `timeoutMs` it throws, with `what` and the last error.
 */
export async function until<T>(
  what: string,
  ask: () => T | undefined | false | Promise<T | undefined | false>,
  { timeoutMs = 10_000, everyMs = 20 }: { timeoutMs?: number; everyMs?: number } = {},
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    let last: unknown;
    try {
      const answer = await ask();
      if (answer !== undefined && answer !== false) return answer;
    } catch (error) {
      last = error;
    }
    if (performance.now() >= deadline) {
      throw new Error(`waited ${timeoutMs} ms in vain until ${what}`, last === undefined ? {} : { cause: last });
    }
    await sleep(everyMs);
  }
}
