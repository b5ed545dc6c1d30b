// What a test has started, ended with it in the opposite order.
import type { TestContext } from "node:test";

export type Close = () => Promise<void> | void;

/** Gives what takes note of a close; what was noted last is closed first. */
export function closeWith(t: TestContext): (close: Close) => void {
  const closers: Close[] = [];
  t.after(async () => {
    for (const close of closers.splice(0).reverse()) await close();
  });
  return (close) => void closers.push(close);
}
