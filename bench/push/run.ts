// `make bench`: measures pushes over synthetic meshes and prints a table.
//   node dist/bench/push/run.js [--mesh NAME …] [--mode sotw|delta …] [--proxies N] [--repetitions N] [--json]
import { parseArgs } from "node:util";
import type { Mode } from "../lib/ads-client.ts";
import { printTable } from "../lib/table.ts";
import { measure, type Row } from "./measure.ts";
import { DEFAULTS, MESHES, MODES } from "./scenarios.ts";

const { values } = parseArgs({
  options: {
    mesh: { type: "string", multiple: true, default: MESHES.map((mesh) => mesh.name) },
    mode: { type: "string", multiple: true, default: [...MODES] },
    proxies: { type: "string", default: String(DEFAULTS.proxies) },
    repetitions: { type: "string", default: String(DEFAULTS.repetitions) },
    json: { type: "boolean", default: false },
    help: { type: "boolean", short: "h", default: false },
  },
});

if (values.help) {
  console.log(`make bench ARGS="[--mesh NAME …] [--mode sotw|delta …] [--proxies N] [--repetitions N] [--json]"
meshes: ${MESHES.map(({ name, size }) => `${name} (${size.services} services)`).join(", ")}
defaults: all meshes, both modes, ${DEFAULTS.proxies} proxies, ${DEFAULTS.repetitions} repetitions of each change`);
} else {
  const rows: Row[] = [];
  for (const name of values.mesh) {
    const mesh = MESHES.find((one) => one.name === name);
    if (!mesh) throw new Error(`no mesh ${name}; there are ${MESHES.map((one) => one.name).join(", ")}`);
    for (const mode of values.mode as Mode[]) {
      const numbers = { proxies: Number(values.proxies), repetitions: Number(values.repetitions) };
      const measured = await measure({ mesh, mode, ...numbers });
      rows.push(...measured);
      if (!values.json) process.stderr.write(`${name} ${mode} done\n`);
    }
  }
  if (values.json) console.log(JSON.stringify(rows, null, 2));
  else printRows(rows);
}

function printRows(rows: readonly Row[]): void {
  printTable(
    [
      "mesh",
      "mode",
      "phase",
      "proxies",
      "P50 ms",
      "P99 ms",
      "CPU ms",
      "CPU/proxy ms",
      "resp/proxy",
      "KB/proxy",
      "peak MiB",
    ],
    rows.map((row) => [
      ...[row.mesh, row.mode, row.phase, String(row.proxies), String(row.p50Ms), String(row.p99Ms), String(row.cpuMs)],
      ...[(row.cpuMs / row.proxies).toFixed(2), row.responses.toFixed(1), (row.bytes / 1000).toFixed(1)],
      String(row.peakMiB),
    ]),
  );
}
