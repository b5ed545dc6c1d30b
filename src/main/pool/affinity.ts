// Which worker gets a task: one whose caches know it, as long as that one is idle. Main thread, pure.
import { type Piscina, queueOptionsSymbol } from "piscina";
import { textHash } from "../../shared/text-hash.ts";

type Balancer = NonNullable<NonNullable<ConstructorParameters<typeof Piscina>[0]>["loadBalancer"]>;

interface Affinity {
  readonly key: string;
}

/** The task, which goes to the same worker as others with the same key where that is idle. Workers don't see the key. */
export function withAffinity<T extends object>(task: T, key: string): T {
  return { ...task, [queueOptionsSymbol]: { key } satisfies Affinity };
}

/**
 * A task has one worker that it likes best, a second, and so on, and goes to the first of these that is idle: no worker is idle
 * while a task waits. When a worker is replaced, only those that liked it best choose anew (rendezvous hashing).
 */
export const affineBalancer: Balancer = (task, workers) => {
  const { key = "" } = (task as { readonly [queueOptionsSymbol]?: Affinity | null })[queueOptionsSymbol] ?? {};
  let best: (typeof workers)[number] | null = null;
  let bestScore = -1;
  for (const worker of workers) {
    if (worker.currentUsage > 0) continue;
    if (key === "") return worker;
    const score = textHash(`${worker.id} ${key}`);
    if (score <= bestScore) continue;
    best = worker;
    bestScore = score;
  }
  return best;
};
