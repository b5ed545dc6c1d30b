// When changes become a push: lone ones at once, storms together.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { DebounceWindow } from "../../../src/main/debounce/debounce-window.ts";
import type { RegistryChange } from "../../../src/shared/model/push-request.ts";
import { configChange } from "../../support/changes.ts";

const OPTIONS = { afterMs: 100, maxMs: 1000, endpoints: true };

function endpoints(name: string): RegistryChange {
  return {
    ...configChange(name),
    configs: new Map(),
    endpoints: new Map([[name, { hostname: name, namespace: "default" }]]),
  };
}

/** Lets time pass until the window gives something. */
function nextPush(window: DebounceWindow): { at: number; names: string[]; merged: number } | undefined {
  const at = window.nextDue();
  if (at === undefined) return undefined;
  assert.equal(window.due(at - 0.001), undefined, "not before its time");
  const request = window.due(at)!;
  return { at, names: [...request.change.configs.keys(), ...request.change.endpoints.keys()], merged: request.merged };
}

test("nothing is due without a change", () => {
  const window = new DebounceWindow(OPTIONS);
  assert.equal(window.nextDue(), undefined);
  assert.equal(window.due(1_000_000), undefined);
});

test("a lone change goes out within 5 ms, with those that come along", () => {
  const window = new DebounceWindow(OPTIONS);
  window.offer(configChange("a"), 1000);
  window.offer(configChange("b"), 1001);
  const push = nextPush(window)!;
  assert.equal(push.at <= 1005, true);
  assert.deepEqual(push.names, ["a", "b"]);
  assert.equal(push.merged, 2);
  assert.equal(window.nextDue(), undefined);
});

test("changes soon after a push wait for quiet", () => {
  const window = new DebounceWindow(OPTIONS);
  window.offer(configChange("a"), 0);
  nextPush(window);
  window.offer(configChange("b"), 50);
  window.offer(configChange("c"), 120);
  window.offer(configChange("d"), 190);
  assert.deepEqual(nextPush(window), { at: 290, names: ["b", "c", "d"], merged: 3 });
});

test("a storm is pushed after the longest wait, though it goes on", () => {
  const window = new DebounceWindow(OPTIONS);
  window.offer(configChange("first"), 0);
  nextPush(window);
  let now = 10;
  for (; now < 1009; now += 50) window.offer(configChange(`c${now}`), now);
  assert.equal(nextPush(window)?.at, 1010);
});

test("endpoints that never rest are pushed every so often", () => {
  const window = new DebounceWindow(OPTIONS);
  window.offer(endpoints("first"), 0);
  assert.equal(nextPush(window)?.at, 2);
  for (let now = 50; now < 100; now += 10) window.offer(endpoints(`e${now}`), now);
  assert.deepEqual(nextPush(window), { at: 102, names: ["e50", "e60", "e70", "e80", "e90"], merged: 5 });
  window.offer(endpoints("e"), 120);
  assert.equal(window.nextDue(), 202);
});

test("endpoints don't wait for configuration, nor does it for them", () => {
  const window = new DebounceWindow(OPTIONS);
  // A storm of configuration, in which endpoints come and go.
  window.offer(configChange("first"), 0);
  nextPush(window);
  window.offer(configChange("c1"), 50);
  window.offer(endpoints("e1"), 60);
  assert.deepEqual(nextPush(window), { at: 62, names: ["e1"], merged: 1 });
  window.offer(configChange("c2"), 100);
  window.offer(endpoints("e2"), 110);
  assert.deepEqual(nextPush(window), { at: 162, names: ["e2"], merged: 1 });
  window.offer(endpoints("e3"), 190);
  assert.deepEqual(
    nextPush(window),
    { at: 200, names: ["c1", "c2", "e3"], merged: 3 },
    "configuration takes them along",
  );
  // Endpoints without rest, and a lone change of configuration.
  for (let now = 240; now < 1_000; now += 20) {
    window.offer(endpoints(`f${now}`), now);
    const due = window.nextDue();
    if (due !== undefined && due <= now + 10) window.due(due);
  }
  window.offer(configChange("lone"), 1_000);
  let push = nextPush(window)!;
  while (!push.names.includes("lone")) push = nextPush(window)!;
  assert.equal(push.at, 1_002);
});

test("endpoints of a service that waits go out with it, whichever came first", () => {
  const service: RegistryChange = {
    ...configChange("x"),
    configs: new Map(),
    services: new Map([["s", { hostname: "s", namespace: "default" }]]),
  };
  for (const changes of [
    [service, endpoints("s")],
    [endpoints("s"), service],
  ] as const) {
    const window = new DebounceWindow(OPTIONS);
    window.offer(configChange("first"), 0);
    window.offer(endpoints("other"), 0);
    while (nextPush(window));
    for (const change of changes) window.offer(change, 10);
    const request = window.due(window.nextDue()!)!;
    assert.deepEqual([...request.change.services.keys(), ...request.change.endpoints.keys()], ["s", "s"]);
    assert.equal(window.nextDue(), undefined);
  }
});

test("after a quiet time a change goes out at once again", () => {
  const window = new DebounceWindow(OPTIONS);
  window.offer(configChange("a"), 0);
  nextPush(window);
  window.offer(configChange("b"), 500);
  assert.equal(nextPush(window)!.at <= 505, true);
});

test("without debouncing of endpoints, their changes never wait", () => {
  const window = new DebounceWindow({ ...OPTIONS, endpoints: false });
  window.offer(configChange("a"), 0);
  nextPush(window);
  window.offer(endpoints("e"), 10);
  assert.equal(nextPush(window)!.at <= 15, true);
  window.offer(configChange("b"), 20);
  assert.equal(nextPush(window)!.at, 120);
});

test("the times of a request are those of its first and last change", () => {
  const window = new DebounceWindow(OPTIONS);
  window.offer(configChange("a"), 0);
  nextPush(window);
  window.offer(configChange("b"), 10);
  window.offer(configChange("c"), 30);
  const request = window.due(1000)!;
  assert.equal(request.firstChangeMs, 10);
  assert.equal(request.lastChangeMs, 30);
  assert.equal(request.change.reasons.get("config"), 2);
});

test("no change is lost or pushed twice, and none waits longer than the longest time", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 300 }), { minLength: 1, maxLength: 60 }), (gaps) => {
      const window = new DebounceWindow(OPTIONS);
      const pushed: string[] = [];
      let now = 0;
      const advance = (to: number): void => {
        for (;;) {
          const due = window.nextDue();
          if (due === undefined || due > to) break;
          const request = window.due(due)!;
          assert.equal(due - request.firstChangeMs <= OPTIONS.maxMs, true);
          pushed.push(...request.change.configs.keys());
        }
        now = to;
      };
      gaps.forEach((gap, i) => {
        advance(now + gap);
        window.offer(configChange(`c${i}`), now);
      });
      advance(now + 10_000);
      assert.deepEqual(
        pushed,
        gaps.map((_, i) => `c${i}`),
      );
    }),
  );
});
