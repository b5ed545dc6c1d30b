// `make flame`: runs one benchmark with the profiler on and makes a flame graph of each thread with 0x, into .flame/.
// 0x itself sees only the main thread, so that Node's own profiler records and 0x draws.
//   node dist/bench/flame/run.js [--mesh m100|m1000] [--mode sotw|delta] [--proxies N] [--repetitions N]
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { parseArgs } from "node:util";
import type { Mode } from "../lib/ads-client.ts";
import { measure } from "../push/measure.ts";
import { MESHES } from "../push/scenarios.ts";

const { values } = parseArgs({
  options: {
    mesh: { type: "string", default: "m1000" },
    mode: { type: "string", default: "delta" },
    proxies: { type: "string", default: "50" },
    repetitions: { type: "string", default: "5" },
  },
});
const mesh = MESHES.find((one) => one.name === values.mesh);
if (!mesh) throw new Error(`no mesh ${values.mesh}; there are ${MESHES.map((one) => one.name).join(", ")}`);

const out = path.resolve(".flame");
fs.rmSync(out, { recursive: true, force: true });
fs.mkdirSync(out, { recursive: true });
await measure({
  mesh,
  mode: values.mode as Mode,
  proxies: Number(values.proxies),
  repetitions: Number(values.repetitions),
  nodeArgs: ["--cpu-prof", `--cpu-prof-dir=${out}`],
});

const require = createRequire(import.meta.url);
const zeroX = path.join(path.dirname(require.resolve("0x/package.json")), "cmd.js");
for (const { file, thread } of profiles(out)) {
  const folder = path.join(out, thread);
  fs.mkdirSync(folder);
  const moved = path.join(folder, path.basename(file));
  fs.renameSync(file, moved);
  // It writes flamegraph.html beside the profile.
  execFileSync(process.execPath, [zeroX, "--visualize-cpu-profile", moved], { stdio: "ignore" });
  console.log(`${thread.padEnd(10)} ${path.relative(process.cwd(), path.join(folder, "flamegraph.html"))}`);
}

/** The profiles by thread: Node names files CPU.DATE.TIME.PID.THREAD.SERIAL.cpuprofile, and the main thread is 0. */
function profiles(folder: string): readonly { file: string; thread: string }[] {
  return fs
    .readdirSync(folder)
    .filter((name) => name.endsWith(".cpuprofile"))
    .map((name) => {
      const thread = Number(name.split(".")[4]);
      return { file: path.join(folder, name), thread: thread === 0 ? "main" : `worker-${thread}` };
    })
    .sort((a, b) => a.thread.localeCompare(b.thread));
}
