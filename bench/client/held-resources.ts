// What a proxy has of one type: responses in their order, put together when somebody asks. Equal responses share their items.
import type { XdsType } from "../../src/shared/xds-types.ts";
import type { Item } from "./resource-items.ts";

export class HeldResources {
  private parts: { readonly items: readonly Item[]; readonly removed: readonly string[] }[] = [];

  /** `whole`: the response has all there is of its type, and takes the place of all before. */
  apply(items: readonly Item[], removed: readonly string[], whole: boolean): void {
    if (whole) this.parts = [];
    this.parts.push({ items, removed });
  }

  /** By name. */
  all(): ReadonlyMap<string, Item> {
    const held = new Map<string, Item>();
    for (const { items, removed } of this.parts) {
      for (const item of items) held.set(item.name, item);
      for (const name of removed) held.delete(name);
    }
    return held;
  }
}

/** What differs between two proxies' resources of a type, a line each; only of `names` where they are given. */
export function differencesOf(
  type: XdsType,
  has: ReadonlyMap<string, Item>,
  fresh: ReadonlyMap<string, Item>,
  names: ReadonlySet<string> | undefined,
): readonly string[] {
  const out: string[] = [];
  const counts = (name: string): boolean => !names || names.has(name);
  for (const [name, { hash }] of fresh) {
    const item = has.get(name);
    if (!item) out.push(`${type} ${name} is missing`);
    else if (item.hash !== hash) out.push(`${type} ${name} differs`);
  }
  for (const name of has.keys()) {
    if (counts(name) && !fresh.has(name)) out.push(`${type} ${name} is left over`);
  }
  return out;
}
