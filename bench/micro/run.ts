// `make micro`: single steps of a push, each measured alone with tinybench.
//   node dist/bench/micro/run.js [--mesh m100|m1000] [--only PART OF A NAME] [--json FILE]
import fs from "node:fs";
import { parseArgs } from "node:util";
import { Bench } from "tinybench";
import { describeMachine, machineLine } from "../report/machine.ts";
import { textTable } from "../report/table.ts";
import { M100, M1000 } from "../scenarios/meshes.ts";
import { loadMesh } from "./loaded-mesh.ts";
import { addMainSteps } from "./main-steps.ts";
import { addWorkerSteps, freshContext, generate } from "./worker-steps.ts";

const MESHES = [M100, M1000];

const { values } = parseArgs({
  options: {
    mesh: { type: "string", default: "m1000" },
    only: { type: "string", default: "" },
    json: { type: "string" },
  },
});
const chosen = MESHES.find(({ name }) => name === values.mesh);
if (!chosen) throw new Error(`no mesh ${values.mesh}; there are ${MESHES.map(({ name }) => name).join(", ")}`);

const machine = describeMachine();
const mesh = await loadMesh(chosen.shape);
const context = freshContext(mesh);
const clusters = generate(mesh, context, "CDS", null);
const endpointNames = clusters.map(({ name }) => name).filter((name) => name.startsWith("outbound|"));
const one = generate(mesh, context, "EDS", endpointNames.slice(0, 1));

// Steps that need a new context each time take long to prepare: not too many of them.
const bench = new Bench({
  ...{ name: chosen.name, time: 300, iterations: 20, warmupTime: 50, warmupIterations: 3 },
  throws: true,
});
addMainSteps(bench, mesh, clusters, one);
addWorkerSteps(bench, mesh, endpointNames);
for (const { name } of bench.tasks) if (!name.includes(values.only)) bench.remove(name);
await bench.run();

const rows = bench.tasks.flatMap(({ name, result }) => {
  if (!("latency" in result)) return [];
  const { p50, mean, p99, samplesCount } = result.latency;
  return [{ name, p50, mean, p99, samples: samplesCount }];
});
const headings = ["step", "P50 ms", "mean ms", "P99 ms", "runs"];
const cells = rows.map(({ name, p50, mean, p99, samples }) => [
  name,
  ...[p50, mean, p99].map((value) => value.toFixed(4)),
  String(samples),
]);
console.log([`${chosen.name}: ${machineLine(machine())}`, ...textTable(headings, cells)].join("\n"));
if (values.json)
  fs.writeFileSync(values.json, JSON.stringify({ mesh: chosen.name, machine: machine(), rows }, null, 2));
