// Which providers a workload's access logs go to, and which requests of them. Worker threads, pure.
// https://istio.io/latest/docs/reference/config/telemetry/#AccessLogging
import type { Telemetry_AccessLogging as AccessLogging } from "../../../shared/gen/istio.js";
import { type Mode, modesOf } from "./modes.ts";
import { namesOf } from "./providers.ts";

/** What is said of one provider. */
export interface ChosenLog {
  readonly disabled: boolean;
  /** Only what this expression of CEL is true for; everything where it is undefined. */
  readonly filter: string | undefined;
}

/**
 * Providers by name. `levels` are the entries of each Telemetry that has any, the closest to the workload last. Entries for
 * the other mode count for nothing but that later ones without providers inherit theirs.
 */
export function chosenLogs(
  levels: readonly (readonly AccessLogging[])[],
  defaults: readonly string[],
  mode: Mode,
): ReadonlyMap<string, ChosenLog> {
  if (levels.length === 0) return new Map(defaults.map((name) => [name, { disabled: false, filter: undefined }]));
  const applies = ({ match }: AccessLogging): boolean => modesOf(match?.mode).includes(mode);
  const applying = levels.map((level) => level.filter(applies));
  // The closest level that names providers decides which ones there are.
  const closest = applying.findLast((level) => level.some((entry) => namesOf(entry).length > 0));
  const there = new Set(closest ? closest.flatMap(namesOf) : defaults);
  // A filter belongs to the entry that names the provider, and the last one that does counts.
  const filters = new Map(
    applying.flat().flatMap((entry) => namesOf(entry).map((name) => [name, entry.filter?.expression] as const)),
  );
  const out = new Map<string, ChosenLog>();
  let inherited = defaults;
  for (const entry of levels.flat()) {
    if (namesOf(entry).length > 0) inherited = namesOf(entry);
    if (!applies(entry)) continue;
    for (const name of inherited) {
      if (!there.has(name)) continue;
      out.set(
        name,
        entry.disabled ? { disabled: true, filter: undefined } : { disabled: false, filter: filters.get(name) },
      );
    }
  }
  return out;
}
