// `make flame`: runs one scenario with the profiler on and makes a flame graph of each thread with 0x, into .flame/.
// 0x itself sees only the main thread, so that Node's own profiler records and 0x draws.
//   node dist/bench/flame/run.js [--scenario NAME] [--mode sotw|delta] [--proxies N] [--from SECONDS] [--to SECONDS]
// flamegraph.svg beside 0x's page is smaller, and leaves out what was before --from or after --to.
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { parseArgs } from "node:util";
import { MODES, type Mode } from "../client/messages.ts";
import { runScenario } from "../run/scenario-run.ts";
import { scenariosNamed } from "../scenarios/scenarios.ts";
import { type CpuProfile, flameSvg } from "./flame-svg.ts";

const { values } = parseArgs({
  options: {
    scenario: { type: "string", default: "changes" },
    mode: { type: "string", default: "delta" },
    proxies: { type: "string", default: "50" },
    from: { type: "string", default: "0" },
    to: { type: "string", default: "Infinity" },
  },
});
const scenario = scenariosNamed([values.scenario])[0]!;
if (!MODES.includes(values.mode as Mode)) throw new Error(`--mode ${values.mode}: ${MODES.join(" or ")}`);

const out = path.resolve(".flame");
fs.rmSync(out, { recursive: true, force: true });
fs.mkdirSync(out, { recursive: true });
await runScenario({
  scenario,
  mesh: scenario.meshes[0]!,
  mode: values.mode as Mode,
  proxies: Number(values.proxies),
  perConnection: 1,
  minutes: 1,
  serverArgs: ["--cpu-prof", `--cpu-prof-dir=${out}`],
  onRow: ({ step, cpuMs }) => console.log(`${step}: ${cpuMs.toFixed(0)} ms of CPU`),
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
  const profile = JSON.parse(fs.readFileSync(moved, "utf8")) as CpuProfile;
  const [from, to] = [Number(values.from), Number(values.to)];
  const begin = from > 0 ? `, from ${from} s on` : "";
  const end = Number.isFinite(to) ? `, until ${to} s` : "";
  const title = `${values.scenario}, ${values.mode}, ${values.proxies} proxies, ${thread}${begin}${end}`;
  const svg = flameSvg(profile, { title, fromSeconds: from, toSeconds: to });
  fs.writeFileSync(path.join(folder, "flamegraph.svg"), svg);
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
