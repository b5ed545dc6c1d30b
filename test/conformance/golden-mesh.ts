// A control plane on the files of a golden scenario.
import fs from "node:fs";
import path from "node:path";
import { type RunningControlPlane, startTestControlPlane } from "../support/control-plane.ts";
import { until } from "../support/until.ts";
import type { Scenario } from "./golden-scenarios.ts";

/** Resolves when it knows all hosts; its folder is in `temporary`. */
export async function startScenario(
  scenario: Scenario,
  temporary: string,
  log?: (line: string) => void,
): Promise<RunningControlPlane> {
  const configDir = path.join(temporary, "cfg");
  fs.mkdirSync(configDir);
  fs.copyFileSync(path.join(scenario.folder, "config.yaml"), path.join(configDir, "config.yaml"));
  const server = await startTestControlPlane({
    configDir,
    meshConfig: path.join(scenario.folder, "mesh.yaml"),
    ...(scenario.networks ? { networksConfig: path.join(scenario.folder, "networks.yaml") } : {}),
    env: scenario.env,
    ...(log ? { log, logLevel: "warn" as const } : {}),
  });
  try {
    await until("all hosts are in /debug/registryz", async () => {
      const text = await (await fetch(`${server.http}/debug/registryz`)).text();
      return scenario.hosts.every((host) => text.includes(JSON.stringify(host)));
    });
  } catch (error) {
    await server.close();
    throw error;
  }
  return server;
}
