// The benchmark as a whole on a mesh of a few services: processes, client, steps and figures.
import assert from "node:assert/strict";
import { test } from "node:test";
import { runScenario } from "../../bench/run/scenario-run.ts";
import type { Scenario } from "../../bench/scenarios/model.ts";

const TINY = {
  name: "tiny",
  shape: { groups: [{ prefix: "ns", namespaces: 2, services: 12, endpoints: 3 }] },
};

const SCENARIO: Scenario = {
  name: "tiny",
  about: "",
  meshes: [TINY],
  proxies: { kind: "sidecar", count: 4 },
  modes: ["delta"],
  usual: false,
  steps: [
    { do: "connect" },
    { do: "change", kind: "endpoint", times: 1 },
    { do: "change", kind: "metadata only", times: 1 },
    { do: "churn", perSecond: 20, seconds: 0.5 },
    { do: "reconnect" },
  ],
};

for (const mode of ["sotw", "delta"] as const) {
  test(`all proxies get what they must, and nothing else, over ${mode}`, async () => {
    const { rows } = await runScenario({
      ...{ scenario: SCENARIO, mesh: TINY, mode, proxies: 4, perConnection: 1, minutes: 1 },
      onRow: () => undefined,
    });
    const [connect, endpoint, metadata, churn, reconnect] = rows;
    for (const row of [connect!, endpoint!, churn!, reconnect!]) {
      assert.ok(row.expected > 0 && row.reached === row.expected, `${row.step}: ${row.notes.join("; ")}`);
      assert.ok(row.latency.p50 > 0 && row.cpuMs > 0 && row.peakMiB > 0, row.step);
    }
    assert.equal(endpoint!.responses, 1);
    assert.equal(metadata!.responses, 0);
    if (mode === "delta") assert.ok(reconnect!.bytes < connect!.bytes, "proxies are sent only what they haven't got");
  });
}
