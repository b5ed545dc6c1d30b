// The benchmark's server as a process, where it is of an older revision than the benchmark.
import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { test } from "node:test";
import { startServer } from "../../bench/server/server-process.ts";

/** Says that it is ready as a control plane does that has no metrics, and waits for its end. */
const OLDER = `
console.log(JSON.stringify({ grpc: "127.0.0.1:1", msg: "ready in 1 ms with 0 services" }));
setInterval(() => undefined, 1000);
`;

test("a revision that tells no address of its metrics is not asked for tasks", async (t) => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "mizzen-test-"));
  t.after(() => fs.rmSync(folder, { recursive: true, force: true }));
  const main = path.join(folder, "main.mjs");
  fs.writeFileSync(main, OLDER);
  const server = await startServer({ folder, main });
  t.after(() => server.stop());
  assert.equal(server.grpc, "127.0.0.1:1");
  assert.equal(await server.workerTasks(), undefined);
});
