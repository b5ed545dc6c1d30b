// `make bench`: measures pushes over synthetic meshes and prints a table.
//   node dist/bench/push/run.js [--mesh NAME …] [--mode sotw|delta …] [--proxies N] [--repetitions N]
//                               [--json] [--base FILE]
import fs from "node:fs";
import { parseArgs } from "node:util";
import type { Mode } from "../lib/ads-client.ts";
import { printTable } from "../lib/table.ts";
import { measure, type Row } from "./measure.ts";
import { DEFAULTS, MESHES, MODES } from "./scenarios.ts";

const HELP = `make bench ARGS="[--mesh NAME …] [--mode sotw|delta …] [--proxies N] [--repetitions N] [--json] [--base FILE]"
meshes: ${MESHES.map(({ name, size }) => `${name} (${size.services} services)`).join(", ")}
defaults: all meshes, both modes, ${DEFAULTS.proxies} proxies, ${DEFAULTS.repetitions} repetitions of each change
--json prints rows as JSON; --base FILE compares with such rows of an earlier run`;

const { values } = parseArgs({
  options: {
    mesh: { type: "string", multiple: true, default: MESHES.map((mesh) => mesh.name) },
    mode: { type: "string", multiple: true, default: [...MODES] },
    proxies: { type: "string", default: String(DEFAULTS.proxies) },
    repetitions: { type: "string", default: String(DEFAULTS.repetitions) },
    json: { type: "boolean", default: false },
    base: { type: "string" },
    help: { type: "boolean", short: "h", default: false },
  },
});

if (values.help) console.log(HELP);
else await main();

async function main(): Promise<void> {
  const base = values.base === undefined ? [] : (JSON.parse(fs.readFileSync(values.base, "utf8")) as Row[]);
  const rows: Row[] = [];
  for (const name of values.mesh) {
    const mesh = MESHES.find((one) => one.name === name);
    if (!mesh) throw new Error(`no mesh ${name}; there are ${MESHES.map((one) => one.name).join(", ")}`);
    for (const mode of values.mode as Mode[]) {
      const numbers = { proxies: Number(values.proxies), repetitions: Number(values.repetitions) };
      rows.push(...(await measure({ mesh, mode, ...numbers })));
      process.stderr.write(`${name} ${mode} done\n`);
    }
  }
  if (values.json) console.log(JSON.stringify(rows, null, 2));
  else printRows(rows, base);
}

function printRows(rows: readonly Row[], base: readonly Row[]): void {
  const headings = ["mesh", "mode", "phase", "proxies", "P50 ms", "P99 ms", "CPU ms", "CPU/proxy ms"];
  headings.push("resp/proxy", "KB/proxy", "peak MiB");
  if (base.length > 0) headings.push("P50", "CPU", "bytes");
  printTable(
    headings,
    rows.map((row) => [
      ...[row.mesh, row.mode, row.phase, String(row.proxies), String(row.p50Ms), String(row.p99Ms), String(row.cpuMs)],
      ...[(row.cpuMs / row.proxies).toFixed(2), row.responses.toFixed(1), (row.bytes / 1000).toFixed(1)],
      String(row.peakMiB),
      ...changes(row, base),
    ]),
  );
}

/** Differences from the same row of an earlier run, in percent. */
function changes(row: Row, base: readonly Row[]): readonly string[] {
  if (base.length === 0) return [];
  const key = ({ mesh, mode, phase, proxies }: Row): string => `${mesh} ${mode} ${phase} ${proxies}`;
  const before = base.find((one) => key(one) === key(row));
  if (!before) return ["new", "new", "new"];
  const change = (now: number, then: number): string => {
    const percent = then === 0 ? 0 : Math.round((100 * (now - then)) / then);
    return `${percent > 0 ? "+" : ""}${percent} %`;
  };
  return [change(row.p50Ms, before.p50Ms), change(row.cpuMs, before.cpuMs), change(row.bytes, before.bytes)];
}
