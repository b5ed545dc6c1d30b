// The names that proxies ask for, one object for all that ask for the same: a thousand proxies with two thousand names each
// would else be what the client's memory is full of.
import { serializedNames } from "./request-frame.ts";

export interface AskedNames {
  readonly names: ReadonlySet<string>;
  /** As a state-of-the-world request has them. */
  readonly serialized: Uint8Array;
}

export class AskedNamesTable {
  readonly none: AskedNames = { names: new Set(), serialized: new Uint8Array() };
  private readonly ofList = new WeakMap<readonly string[], AskedNames>();
  private readonly steps = new Map<AskedNames, Map<string, AskedNames>>();

  /** Exactly the names of a sorted list. */
  exactly(list: readonly string[], before: AskedNames): AskedNames {
    if (list.length === before.names.size && list.every((name) => before.names.has(name))) return before;
    const known = this.ofList.get(list) ?? { names: new Set(list), serialized: serializedNames(list) };
    this.ofList.set(list, known);
    return known;
  }

  /** `before` without `removed` and with `added`. */
  changed(before: AskedNames, added: readonly string[], removed: readonly string[]): AskedNames {
    const { names } = before;
    if (added.every((name) => names.has(name)) && !removed.some((name) => names.has(name))) return before;
    const steps = this.steps.get(before) ?? new Map<string, AskedNames>();
    this.steps.set(before, steps);
    const key = `${added.join("\n")}\n\n${removed.join("\n")}`;
    const known = steps.get(key) ?? this.step(names, added, removed);
    steps.set(key, known);
    return known;
  }

  private step(before: ReadonlySet<string>, added: readonly string[], removed: readonly string[]): AskedNames {
    const names = new Set(before);
    for (const name of removed) names.delete(name);
    for (const name of added) names.add(name);
    // Delta requests have only differences.
    return { names, serialized: this.none.serialized };
  }
}
