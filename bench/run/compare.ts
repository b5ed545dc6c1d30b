// Compares this tree with another revision: both run the same scenarios in turn, so that what the machine does meanwhile
// meets both alike. This tree's client drives both servers.
import type { Row } from "../report/row.ts";
import type { BenchOptions } from "./arguments.ts";
import { partsOf } from "./plan.ts";
import { buildRevision } from "./worktree.ts";

export interface Comparison {
  /** The rows of each round. */
  readonly base: readonly (readonly Row[])[];
  readonly current: readonly (readonly Row[])[];
}

export async function compareWith(
  revision: string,
  options: BenchOptions,
  say: (line: string) => void,
): Promise<Comparison> {
  const other = await buildRevision(revision, say);
  try {
    const base: Row[][] = [];
    const current: Row[][] = [];
    for (let round = 1; round <= options.rounds; round++) {
      const [before, after]: [Row[], Row[]] = [[], []];
      for (const part of partsOf(options)) {
        say(`round ${round}: ${part.label}, ${revision}`);
        before.push(...(await part.run(say, other.main)).rows);
        say(`round ${round}: ${part.label}, this tree`);
        after.push(...(await part.run(say)).rows);
      }
      base.push(before);
      current.push(after);
    }
    return { base, current };
  } finally {
    other.remove();
  }
}
