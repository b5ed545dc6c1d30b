// What the ledger remembers of a push, and the line that sums it up.
import assert from "node:assert/strict";
import { test } from "node:test";
import { type LedgerResponse, PushLedger } from "../../../src/main/push/push-ledger.ts";
import { summarize } from "../../../src/main/push/push-summary.ts";
import { pushVersion, viewId } from "../../../src/shared/ids.ts";
import type { PushRequest, RegistryChange } from "../../../src/shared/model/push-request.ts";
import { NO_CHANGE } from "../../support/changes.ts";

const CHANGE: RegistryChange = {
  ...NO_CHANGE,
  configs: new Map([["VirtualService/default/one", { kind: "VirtualService", namespace: "default", name: "one" }]]),
  reasons: new Map([["config", 2]]),
};
const REQUEST: PushRequest = { change: CHANGE, firstChangeMs: 100, lastChangeMs: 104, merged: 2 };
const V2 = pushVersion(2);
const NAMES = ["80", "90"];

function response(proxy: string, more: Partial<LedgerResponse> = {}): LedgerResponse {
  return {
    version: V2,
    type: "RDS",
    proxy,
    viewId: viewId("v"),
    names: NAMES,
    removed: [],
    bytes: 10,
    generateMs: 3,
    pushed: true,
    ...more,
  };
}

test("a push from its cause to its last acknowledgement", () => {
  const ledger = new PushLedger();
  ledger.begin(V2, REQUEST, Date.UTC(2026, 0, 1), 106, 107);
  assert.equal(ledger.announced(V2, 3, 2, 108), undefined);
  ledger.sent(response("p1"), 110);
  ledger.sent(response("p2", { type: "LDS", names: [], removed: ["l"], viewId: viewId("w") }), 111);
  ledger.sent(response("p3", { pushed: false }), 111);
  assert.equal(ledger.served(V2, 112), undefined);
  const done = ledger.served(V2, 113)!;
  assert.equal(done.steps.served, 13);
  ledger.settled(V2, "RDS", "p1", undefined, 120);
  ledger.settled(V2, "LDS", "p2", "no", 121);
  const [record] = ledger.records();
  assert.deepEqual(record, {
    version: 2,
    time: "2026-01-01T00:00:00.000Z",
    reasons: { config: 2 },
    configs: { total: 1, listed: ["VirtualService/default/one"] },
    services: { total: 0, listed: [] },
    endpoints: { total: 0, listed: [] },
    mesh: false,
    merged: 2,
    steps: { lastChange: 4, debounced: 6, snapshot: 7, firstSent: 10, lastSent: 11, served: 13, lastAck: 21 },
    proxies: { connected: 3, affected: 2, served: 2, sent: { total: 2, listed: ["p1", "p2"] } },
    types: [
      {
        type: "LDS",
        views: { total: 1, listed: ["w"] },
        changed: { total: 0, listed: [] },
        removed: { total: 1, listed: ["l"] },
        responses: 1,
        bytes: 10,
        generateMs: 3,
        acked: 0,
        nacked: [{ proxy: "p2", message: "no" }],
      },
      {
        type: "RDS",
        views: { total: 1, listed: ["v"] },
        changed: { total: 2, listed: ["80", "90"] },
        removed: { total: 0, listed: [] },
        responses: 1,
        bytes: 10,
        generateMs: 3,
        acked: 1,
        nacked: [],
      },
    ],
    answers: 1,
  });
  assert.equal(
    summarize(done),
    "LDS (1 resource), RDS (2 resources) to p1, p2 (2 of 3 proxies) in 11 ms, for VirtualService/default/one",
  );
});

test("a push that is over before all are told is over when they are", () => {
  const ledger = new PushLedger();
  ledger.begin(V2, REQUEST, 0, 101, 102);
  assert.equal(ledger.served(V2, 103), undefined);
  const done = ledger.announced(V2, 1, 1, 104)!;
  assert.equal(summarize(done), "nothing differs for 1 proxy, for VirtualService/default/one");
});

test("a push without proxies says so", () => {
  const ledger = new PushLedger();
  ledger.begin(V2, REQUEST, 0, 101, 102);
  assert.equal(summarize(ledger.announced(V2, 0, 0, 103)!), "no proxy is connected, for VirtualService/default/one");
});

test("only the latest pushes are kept, and what comes late for others is ignored", () => {
  const ledger = new PushLedger();
  for (let version = 1; version <= 1000; version++) ledger.begin(pushVersion(version), REQUEST, 0, 101, 102);
  const records = ledger.records();
  assert.equal(records.length, 256);
  assert.equal(records[0]?.version, 1000);
  assert.equal(ledger.served(V2, 1), undefined);
  ledger.sent(response("p"), 1);
  ledger.settled(V2, "RDS", "p", undefined, 1);
  assert.equal(ledger.firstChangeMs(V2), undefined);
  assert.equal(ledger.firstChangeMs(pushVersion(1000)), 100);
});

test("long lists are cut, and counted in full", () => {
  const ledger = new PushLedger();
  ledger.begin(V2, REQUEST, 0, 101, 102);
  ledger.announced(V2, 1, 1, 102);
  ledger.sent(response("p", { names: Array.from({ length: 500 }, (_, i) => `n${i}`) }), 103);
  const changed = ledger.records()[0]!.types[0]!.changed;
  assert.equal(changed.total, 500);
  assert.equal(changed.listed.length, 50);
});
