// One line of text about a push, for the console: what went to whom, why, and how long it took. Main thread.
import type { PushRecord, ShortList } from "./push-ledger.ts";

/** Names that a line holds. */
const MAX_NAMES = 3;

/** Such as `RDS (1 resource) to 20 of 30 proxies in 14.2 ms, for VirtualService/default/reviews`; a few are named. */
export function summarize(record: PushRecord): string {
  return `${whatToWhom(record)}, for ${why(record)}`;
}

function whatToWhom({ types, proxies, steps }: PushRecord): string {
  if (proxies.connected === 0) return "no proxy is connected";
  if (types.length === 0) return `nothing differs for ${count(proxies.connected, "proxy", "proxies")}`;
  const what = types
    .map((type) => {
      const resources = type.changed.total + type.removed.total;
      return resources === 0 ? type.type : `${type.type} (${count(resources, "resource", "resources")})`;
    })
    .join(", ");
  const { sent, connected } = proxies;
  const few = sent.total <= MAX_NAMES;
  const whom = few ? names(sent) : `${sent.total} of ${count(connected, "proxy", "proxies")}`;
  const share = few && sent.total < connected ? ` (${sent.total} of ${connected} proxies)` : "";
  return `${what} to ${whom}${share} in ${steps.lastSent} ms`;
}

function why({ configs, services, endpoints, mesh, reasons }: PushRecord): string {
  const parts: string[] = [];
  if (mesh) parts.push("mesh settings");
  if (configs.total > 0) parts.push(names(configs));
  if (services.total > 0) parts.push(`service ${names(services)}`);
  const only = { total: endpoints.total, listed: endpoints.listed.filter((e) => !services.listed.includes(e)) };
  if (only.listed.length > 0) parts.push(`endpoints of ${names({ ...only, total: only.listed.length })}`);
  return parts.length > 0 ? parts.join("; ") : Object.keys(reasons).join(", ") || "an unknown reason";
}

function names(list: ShortList): string {
  const shown = list.listed.slice(0, MAX_NAMES).join(", ");
  return list.total > MAX_NAMES ? `${shown} and ${list.total - MAX_NAMES} more` : shown;
}

function count(n: number, one: string, many: string): string {
  return `${n} ${n === 1 ? one : many}`;
}
