// The scenarios as data, and the command line that chooses from them.
import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { test } from "node:test";
import { CHANGE_KINDS, changeOf } from "../../bench/mesh/changes.ts";
import { MeshFolder } from "../../bench/mesh/mesh-folder.ts";
import { nodesOf } from "../../bench/mesh/nodes.ts";
import { servicesOf } from "../../bench/mesh/shape.ts";
import { parseBench } from "../../bench/run/arguments.ts";
import { GROWING, M1000 } from "../../bench/scenarios/meshes.ts";
import { SCENARIOS } from "../../bench/scenarios/scenarios.ts";

test("every scenario has a name of its own and begins with connecting", () => {
  assert.equal(new Set(SCENARIOS.map(({ name }) => name)).size, SCENARIOS.length);
  for (const { steps } of SCENARIOS) assert.equal(steps[0]?.do, "connect");
});

test("every kind of change is in some scenario", () => {
  const steps = SCENARIOS.flatMap(({ steps }) => steps);
  const kinds = new Set(steps.map((step) => (step.do === "change" ? step.kind : undefined)));
  assert.deepEqual(
    CHANGE_KINDS.filter((kind) => !kinds.has(kind)),
    [],
  );
});

test("addresses in a mesh are all different", () => {
  for (const { shape } of [M1000, GROWING.at(-1)!]) {
    const services = servicesOf(shape);
    const addresses = services.flatMap(({ address, endpoints }) => [address, ...endpoints.map((one) => one.address)]);
    assert.equal(new Set(addresses).size, addresses.length);
  }
});

test("growing meshes have the same proxies and the same services for them", () => {
  const seen = GROWING.map(({ shape }) =>
    JSON.stringify([
      nodesOf(shape, "sidecar", 100),
      servicesOf(shape)
        .filter(({ namespace }) => namespace === "seen-0")
        .map(({ host, endpoints }) => [host, endpoints]),
    ]),
  );
  assert.equal(new Set(seen).size, 1);
});

test("changes replace files, and an edit of metadata leaves the rest as it is", () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "mizzen-"));
  try {
    const shape = { groups: [{ prefix: "ns", namespaces: 1, services: 1, endpoints: 1 }] };
    const mesh = new MeshFolder(folder, shape);
    const file = path.join(folder, "config/ns-0/svc-0.route.yaml");
    changeOf("route", mesh, 1).make();
    const before = fs.readFileSync(file, "utf8");
    changeOf("metadata only", mesh, 2).make();
    const after = fs.readFileSync(file, "utf8");
    assert.match(before, /bench-1-end/);
    assert.match(after, /bench-1-end/);
    assert.match(after, /annotations: \{bench\/note: bench-2-end\}/);
    changeOf("service added", mesh, 1).make();
    assert.ok(fs.existsSync(path.join(folder, "config/ns-0/added-1.service.yaml")));
    changeOf("service removed", mesh, 1).make();
    assert.ok(!fs.existsSync(path.join(folder, "config/ns-0/added-1.service.yaml")));
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
});

test("scenarios are chosen by name, and what isn't there is said", () => {
  const names = (args: string[]): string[] => parseBench(args).scenarios.map(({ name }) => name);
  assert.deepEqual(names(["--scenario", "churn", "growth"]), ["churn", "growth"]);
  assert.deepEqual(names(["--all"]).length, SCENARIOS.length);
  assert.ok(!names([]).includes("soak"));
  assert.throws(() => parseBench(["--scenario", "nonsense"]), /no scenario nonsense; there are storm/);
  assert.throws(() => parseBench(["--mode", "both"]), /sotw or delta/);
  assert.throws(() => parseBench(["--proxies", "none"]), /a number above 0/);
});
