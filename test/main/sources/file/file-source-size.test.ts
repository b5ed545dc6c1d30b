// Sizes that folders really have: many documents, many files, and one very large file.
import assert from "node:assert/strict";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { describe, it } from "node:test";
import { makeHarness, serviceEntry, virtualService } from "./file-source-harness.ts";

describe("large folders", { timeout: 60_000 }, () => {
  it("reads a file of 5 MB without holding up the event loop, and then only what changes in it", async (t) => {
    const h = makeHarness(t);
    const filler = `# ${"x".repeat(2000)}\n`;
    const documents = Array.from({ length: 2200 }, (_, i) => filler + serviceEntry(`s${i}`));
    h.write("big.yaml", documents.join("---\n"));
    const delay = monitorEventLoopDelay({ resolution: 5 });
    delay.enable();
    await h.source.start();
    delay.disable();
    assert.equal(h.objects.size, 2200);
    // A shared machine may stop the process itself: only a reader that doesn't yield blocks for this long.
    assert.ok(delay.percentile(90) / 1e6 < 60, `event loop held up for ${delay.percentile(90) / 1e6} ms`);
    documents[1100] = filler + serviceEntry("s1100", "new.example.com");
    const before = performance.now();
    h.replace("big.yaml", documents.join("---\n"));
    await h.until(() => h.deltas.length === 2);
    assert.ok(performance.now() - before < 1000);
    assert.deepEqual(
      h.deltas[1]!.upserts.map((o) => o.meta.name),
      ["s1100"],
    );
  });

  it("reads only the file that is renamed over in a folder of 2,000", async (t) => {
    const h = makeHarness(t);
    for (let i = 0; i < 2000; i++) h.write(`f${i}.yaml`, virtualService(`v${i}`));
    await h.source.start();
    assert.equal(h.objects.size, 2000);
    const times: number[] = [];
    for (let round = 0; round < 20; round++) {
      const before = performance.now();
      h.replace("f1000.yaml", virtualService("v1000", 50 + round));
      await h.until(() => h.deltas.length === round + 2);
      times.push(performance.now() - before);
    }
    times.sort((a, b) => a - b);
    // Reading 2,000 files takes hundreds of milliseconds; this takes about two.
    assert.ok(times[10]! < 50, `median of ${times[10]} ms`);
    t.diagnostic(`median ${times[10]!.toFixed(1)} ms, slowest ${times[19]!.toFixed(1)} ms`);
  });
});
