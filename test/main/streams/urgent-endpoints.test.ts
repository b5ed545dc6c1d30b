// Endpoints that change don't wait behind other types, and never come out of order for it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { hashOf } from "../../support/fake-mesh.ts";
import { until } from "../../support/until.ts";
import { brief, CONTENTS, connect } from "./session-harness.ts";

const MEGABYTES = 1024 * 1024;
const VARIANTS = ["sotw", "delta"] as const;

async function started(variant: (typeof VARIANTS)[number]) {
  const { mesh, proxy } = connect(variant);
  for (const [type, names] of [
    ["CDS", []],
    ["EDS", ["a", "b"]],
    ["LDS", []],
    ["RDS", ["r"]],
  ] as const) {
    if (variant === "sotw") proxy.sotw(type, { names: [...names] });
    else proxy.delta(type, { subscribe: [...names] });
    await proxy.takenAndAcked();
  }
  return { mesh, proxy };
}

for (const variant of VARIANTS) {
  test(`endpoints pass what waits for room to write: ${variant}`, async () => {
    const { mesh, proxy } = await started(variant);
    const served = proxy.diary.served_.length;
    const others = {};
    proxy.budget.hold(others, 64 * MEGABYTES);
    proxy.publish({ RDS: { r: "new" } });
    await until("routes wait", () => proxy.budget.size === 1);
    proxy.publishPrecisely({ EDS: { ...CONTENTS.EDS, a: "moved" } });
    await until("endpoints are there", () => proxy.inbox.length > 0);
    assert.deepEqual(proxy.inbox.splice(0).map(brief), ["EDS a"]);
    assert.equal(proxy.diary.served_.length, served, "neither push is over");
    proxy.ack("EDS");
    proxy.budget.release(others);
    assert.deepEqual(await proxy.takenAndAcked(), ["RDS r"]);
    assert.deepEqual(proxy.diary.served_.slice(served), [mesh.current().version - 1, mesh.current().version]);
  });

  test(`older endpoints never come after newer ones: ${variant}`, async () => {
    const { mesh, proxy } = await started(variant);
    for (const first of ["all of them", "some"]) {
      const open = mesh.holdGeneration();
      const asked = mesh.asked.length;
      const old = { EDS: { ...CONTENTS.EDS, a: `${first}: old` } };
      if (first === "some") proxy.publishPrecisely(old);
      else proxy.publish(old);
      await until("the old ones are asked for", () => mesh.asked.length > asked);
      proxy.publishPrecisely({ EDS: { ...CONTENTS.EDS, a: `${first}: new` } });
      open();
      const ages = (await proxy.take()).map(({ resources }) => (String(resources.get("a")).includes("new") ? 1 : 0));
      assert.deepEqual(ages, [...ages].sort(), "none of the old ones comes after new ones");
      proxy.ack("EDS");
      await proxy.takenAndAcked();
      assert.equal(proxy.session.watches.get("EDS")!.held.get("a"), hashOf("a", `${first}: new`));
    }
  });

  test(`a proxy whose clusters wait for endpoints gets them with the clusters: ${variant}`, async () => {
    const { proxy } = await started(variant);
    const others = {};
    proxy.budget.hold(others, 64 * MEGABYTES);
    proxy.publish({ CDS: { ...CONTENTS.CDS, a: "changed" } });
    await until("clusters wait", () => proxy.budget.size === 1);
    proxy.publishPrecisely({ EDS: { ...CONTENTS.EDS, b: "moved" } });
    await until("endpoints are there", () => proxy.inbox.length > 0);
    assert.deepEqual(proxy.inbox.splice(0).map(brief), ["EDS b"]);
    proxy.ack("EDS");
    proxy.budget.release(others);
    const rest = await proxy.takenAndAcked();
    assert.equal(rest[0]!.startsWith("CDS"), true, rest.join());
    assert.equal(rest[1], "EDS a", rest.join());
  });
}
