// Warns of HTTP matches of a VirtualService that an earlier one leaves nothing for. Main thread.

import { canonicalJson } from "../../../shared/canonical-json.ts";
import type { Networking_HTTPMatchRequest, Networking_VirtualService } from "../../../shared/gen/istio.js";
import { type Report, warn } from "../report.ts";

interface PrefixMatch {
  readonly prefix: string;
  readonly rule: number;
  readonly match: number;
  readonly name: string;
}

/** A match that repeats an earlier one, a route behind one that takes everything, or a prefix behind a shorter one. */
export function warnOfUnusedMatches(report: Report, service: Networking_VirtualService): void {
  const seen = new Set<string>();
  const prefixes: PrefixMatch[] = [];
  let everythingAt = -1;
  for (const [rule, route] of (service.http ?? []).entries()) {
    const name = route.name ? ` ${JSON.stringify(route.name)}` : "";
    const matches = route.match ?? [];
    if (matches.length === 0) {
      if (everythingAt >= 0) {
        warn(report, `virtualService rule #${rule}${name} not used (only the last rule can have no matches)`);
      }
      everythingAt = rule;
      continue;
    }
    let duplicates = 0;
    for (const [index, match] of matches.entries()) {
      const key = canonicalJson({ ...match, name: undefined, statPrefix: undefined });
      if (seen.has(key)) {
        duplicates++;
        if (matches.length > 1) {
          const where = `virtualService rule #${rule}${name} match #${index}`;
          warn(report, `${where} is not used (duplicate/overlapping match in rule)`);
        }
        continue;
      }
      seen.add(key);
      const shadow = prefixes.find((earlier) => match.uri?.prefix?.startsWith(earlier.prefix));
      if (shadow) {
        warn(
          report,
          `virtualService rule #${rule}${name} match #${index} of prefix ${match.uri!.prefix} is not used (duplicate/overlapping match in rule #${shadow.rule}${shadow.name} of prefix ${shadow.prefix} on #${shadow.match})`,
        );
      }
      if (isPrefixOnly(match)) prefixes.push({ prefix: match.uri!.prefix!, rule, match: index, name });
    }
    if (duplicates === matches.length && matches.length > 0) {
      const reason = matches.length === 1 ? "its match duplicates" : "all its matches duplicate";
      warn(report, `virtualService rule #${rule}${name} not used (${reason} previous rules)`);
    }
  }
}

/** Whether a match looks at nothing but the beginning of the path. */
function isPrefixOnly(match: Networking_HTTPMatchRequest): boolean {
  if (!match.uri?.prefix) return false;
  const others = Object.entries(match).filter(([key]) => key !== "uri" && key !== "name" && key !== "statPrefix");
  return others.every(([, value]) => value === false || isEmpty(value));
}

function isEmpty(value: unknown): boolean {
  if (value === "" || value === 0) return true;
  return typeof value === "object" && value !== null && Object.keys(value).length === 0;
}
