// Loads the configuration of each golden scenario into an Envoy of upstream's build, as each of the scenario's proxies, and fails where
// Envoy rejects any of it.
//   node dist/test/conformance/upstream.js [GROUP | GROUP/SCENARIO | all …] [--delta]
// The Envoys run in network namespaces that this program makes, in which every address may be bound.
import { execFileSync, spawn } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import readline from "node:readline";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { opensslMissing } from "../support/certificates.ts";
import { testEnvoyBinary } from "../support/envoy.ts";
import { namespacesMissing } from "../support/netns.ts";
import { repositoryRoot } from "../support/repository.ts";
import { listScenarios } from "./golden-scenarios.ts";
import type { UpstreamOutcome } from "./upstream-run.ts";

/** A patch adds filters after the one that has to be the last. */
const TERMINAL_FILTER = /must be the last filter in a (http|network) filter chain|^rejected: .*update_rejected$/;
/** A Wasm module in a file that isn't there. */
const MISSING_MODULE = /Invalid path: .*\.wasm|^rejected: .*update_rejected$/;

const AT_ONCE = 2;

/** Scenarios whose own configuration asks for what Envoy refuses, from istiod too: what may be said of them. */
const REFUSED: Readonly<Record<string, RegExp>> = {
  "envoyfilter/http-filter-class": TERMINAL_FILTER,
  "envoyfilter/http-filter-insert": TERMINAL_FILTER,
  "envoyfilter/network-filter-remove-add": TERMINAL_FILTER,
  "envoyfilter/http-filter-typed-struct": MISSING_MODULE,
  "extensions/wasm-sources": MISSING_MODULE,
};

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { delta: { type: "boolean", default: false } },
  });
  const golden = path.join(repositoryRoot(), "../shared/golden");
  const binary = await testEnvoyBinary();
  const missing = !fs.existsSync(golden)
    ? "../shared is not here"
    : binary.found
      ? (namespacesMissing() ?? opensslMissing())
      : binary.reason;
  if (missing !== undefined || !binary.found) {
    console.log(`golden scenarios in Envoy: ${missing}`);
    console.log("upstream: 0 passed, 0 failed, 1 skipped");
    return 0;
  }
  const names = listScenarios(golden, positionals.length > 0 ? positionals : ["all"]);
  const lanes = Array.from({ length: AT_ONCE }, (_, lane) => names.filter((_name, i) => i % AT_ONCE === lane));
  let proxies = 0;
  let failed = 0;
  await Promise.all(
    lanes.map((own, lane) =>
      runInNamespace(
        `mz${process.pid % 100_000}u${lane}`,
        [binary.path, values.delta ? "delta" : "sotw", ...own],
        ({ scenario, proxy, problems }) => {
          proxies++;
          const expected = REFUSED[scenario];
          const unexpected = problems.filter((one) => !expected?.test(one));
          if (unexpected.length === 0) return;
          failed++;
          console.log(`${scenario} as ${proxy}:\n${unexpected.map((one) => `    ${one}`).join("\n")}`);
        },
      ),
    ),
  );
  console.log(`${names.length} scenarios`);
  console.log(`upstream: ${proxies - failed} passed, ${failed} failed, 0 skipped`);
  return failed === 0 && proxies > 0 ? 0 : 1;
}

/** Runs `upstream-run` for some scenarios in a namespace of its own. */
async function runInNamespace(
  name: string,
  args: readonly string[],
  done: (outcome: UpstreamOutcome) => void,
): Promise<void> {
  execFileSync("ip", ["netns", "add", name]);
  try {
    const inside = ["netns", "exec", name];
    execFileSync("ip", [...inside, "ip", "link", "set", "lo", "up"]);
    // Listeners are at addresses of services, which are nowhere.
    for (const version of ["ipv4", "ipv6"]) {
      execFileSync("ip", [...inside, "sh", "-c", `echo 1 > /proc/sys/net/${version}/ip_nonlocal_bind`]);
    }
    const program = fileURLToPath(new URL("./upstream-run.js", import.meta.url));
    const child = spawn("ip", [...inside, process.execPath, program, ...args], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const lines = readline.createInterface({ input: child.stdout });
    lines.on("line", (line) => done(JSON.parse(line) as UpstreamOutcome));
    const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
    if (code !== 0) throw new Error(`${program} ended with ${code}`);
  } finally {
    execFileSync("ip", ["netns", "del", name]);
  }
}

process.exitCode = await main();
