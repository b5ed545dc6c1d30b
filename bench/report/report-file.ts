// What `--json` writes and what is made of it.
import type { Machine } from "./machine.ts";
import type { MemoryCurve, Row } from "./row.ts";

export interface Report {
  readonly machine: Machine;
  readonly rows: readonly Row[];
  readonly memory: readonly MemoryCurve[];
}
