// The demo's console: log lines for people who watch. Pure.

/** Fields that the line says already, or that say nothing new where one proxy follows one folder. */
const HIDDEN = new Set(["level", "time", "scope", "msg", "merged", "variant", "peer"]);

/** One JSON line of the log as `12:03:04.567  push      RDS (1 resource) to 1 proxy in 8.8 ms, for …  key=value`. */
export function consoleLine(json: string): string {
  const line = JSON.parse(json) as Record<string, unknown>;
  const { time, level, scope, msg } = line;
  const prefix = `${scope}: `;
  const text = String(msg).startsWith(prefix) ? String(msg).slice(prefix.length) : String(msg);
  const loud = level === "info" || level === "debug" ? "" : `${String(level).toUpperCase()} `;
  const fields = Object.entries(line)
    .filter(([name, value]) => !HIDDEN.has(name) && value !== undefined)
    .map(([name, value]) => `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`);
  return `${[String(time).slice(11, 23), String(scope).padEnd(8), loud + text, ...fields].join("  ")}\n`;
}

export interface DemoPlaces {
  /** Address of the page; absent without an Envoy. */
  readonly page?: string;
  /** Address of productpage itself. */
  readonly direct: string;
  readonly routeFile: string;
  readonly configDir: string;
  readonly debug?: string;
  readonly metrics?: string;
  readonly envoyAdmin?: string;
  /** The gateway's id, for config_dump. */
  readonly proxyId: string;
  /** Why there is no Envoy, or why it serves nothing. */
  readonly problem?: string;
}

/** What to try, as text. */
export function whatToTry(places: DemoPlaces): string {
  const { page, direct, routeFile, configDir, debug, metrics, envoyAdmin, proxyId, problem } = places;
  const rows: [string, string][] = [];
  if (problem) rows.push(["PROBLEM", problem]);
  if (page) {
    rows.push(["open", page], ["", `${page}?user=tester  (a header route: reviews v3)`]);
    rows.push(["shift traffic", `change the weights in ${routeFile}, and save`]);
    rows.push(["and watch", `while sleep 0.2; do curl -s -D- -o/dev/null ${page} | grep x-reviews; done`]);
  } else {
    rows.push(["no Envoy", "the control plane runs; point an Envoy of yours at it"]);
    rows.push(["open", `${direct}  (the page without a gateway: no routes apply)`]);
    rows.push(["change", `any file in ${configDir}, and save`]);
  }
  if (debug) {
    rows.push(["why, to whom", `${debug}/debug/pushz`]);
    if (page) rows.push(["what was sent", `${debug}/debug/config_dump?proxyID=${proxyId}`]);
    rows.push(["more", `${debug}/debug/{syncz,adsz,configz,registryz,endpointz}`]);
  }
  if (metrics) rows.push(["metrics", `${metrics}/metrics`]);
  if (envoyAdmin) rows.push(["Envoy's admin", `http://${envoyAdmin}/`]);
  const lines = rows.map(([name, text]) => `  ${name.padEnd(14)} ${text}`);
  return `\n${lines.join("\n")}\n\n  Ctrl-C stops all of it.\n\n`;
}
