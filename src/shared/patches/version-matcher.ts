// Matches the versions that patches ask proxies for. Any thread, pure.
import type { MatchesVersion } from "./patch-selection.ts";

/** What is used of the re2js library. */
export interface Re2 {
  compile(expression: string): { matcher(text: string): { find(): boolean } };
}

/**
 * Matches, and keeps the compiled expressions as long as it lives. `load` is called by the first match: the library takes long
 * to load, and few patches ask for versions.
 */
export function versionMatcher(load: () => Re2): MatchesVersion {
  const compiled = new Map<string, ReturnType<Re2["compile"]>>();
  return (expression, version) => {
    let known = compiled.get(expression);
    if (!known) {
      known = load().compile(expression);
      compiled.set(expression, known);
    }
    return known.matcher(version).find();
  };
}
