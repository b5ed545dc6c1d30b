import assert from "node:assert/strict";
import { test } from "node:test";
import { Histogram, Registry } from "prom-client";
import { HotHistogram } from "../../../src/main/telemetry/hot-histogram.ts";

const VALUES = [0.05, 0.1, 0.3, 7, 7, 40];

test("without a label, it exports what prom-client's own does", async () => {
  const hot = new Registry();
  const plain = new Registry();
  const mine = new HotHistogram({ name: "m", help: "h", buckets: [0.1, 1, 10], registry: hot });
  const theirs = new Histogram({ name: "m", help: "h", buckets: [0.1, 1, 10], registers: [plain] });
  assert.equal(await hot.metrics(), await plain.metrics());
  for (const value of VALUES) {
    mine.observe(value);
    theirs.observe(value);
  }
  assert.equal(await hot.metrics(), await plain.metrics());
});

test("with a label, each of its values is counted apart", async () => {
  const hot = new Registry();
  const plain = new Registry();
  const mine = new HotHistogram({ name: "m", help: "h", buckets: [1], label: "type", registry: hot });
  const theirs = new Histogram({ name: "m", help: "h", buckets: [1], labelNames: ["type"], registers: [plain] });
  for (const value of VALUES) {
    const type = value > 1 ? "cds" : "eds";
    mine.observe(value, type);
    theirs.observe({ type }, value);
  }
  assert.deepEqual(samples(await hot.metrics()), samples(await plain.metrics()));
});

/** Lines with the labels of each in order. */
function samples(text: string): string[] {
  return text
    .split("\n")
    .map((line) => line.replace(/\{(.*)\}/, (_all, labels: string) => `{${labels.split(",").sort().join()}}`));
}
