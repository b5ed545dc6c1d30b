// What a benchmark must leave behind in no case: processes, folders, worktrees. They are released when their owner says so,
// and else when this process ends, Ctrl-C included.

const owned = new Set<() => void>();
let watching = false;

/** Registers `release`, which must be synchronous; gives a function that releases now, once. */
export function own(release: () => void): () => void {
  if (!watching) watch();
  owned.add(release);
  return () => {
    if (owned.delete(release)) release();
  };
}

function watch(): void {
  watching = true;
  process.once("exit", () => {
    // What was made last is released first.
    for (const release of [...owned].reverse()) release();
  });
  for (const [signal, status] of [["SIGINT", 130] as const, ["SIGTERM", 143] as const]) {
    process.once(signal, () => process.exit(status));
  }
}
