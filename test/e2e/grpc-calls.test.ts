// gRPC's own xDS clients, Node's and Python's, call real servers as Istio's configuration says, and follow when it changes.
import assert from "node:assert/strict";
import { test } from "node:test";
import { echoService, shopObject, startEchoServer, startGrpcMesh } from "../support/grpc-mesh.ts";
import { type Ask, type Caller, findGrpcPython, type Language, startCaller } from "../support/grpc-peers.ts";
import { until } from "../support/until.ts";

const TARGET = "xds:///echo.shop.svc.cluster.local:7070";
const CALL: Ask = { target: TARGET, path: "/shop.Echo/Call", count: 1 };
const HOST = "echo.shop.svc.cluster.local";
const DEADLINE_EXCEEDED = 4;
const ABORTED = 10;
const UNAVAILABLE = 14;

const to = (subset: string, weight?: number): object => ({
  destination: { host: HOST, subset },
  ...(weight === undefined ? {} : { weight }),
});
const SUBSETS = ["v1", "v2"].map((name) => ({ name, labels: { version: name } }));
const RULE = shopObject("DestinationRule", "echo", { host: HOST, subsets: SUBSETS });
const routes = (...http: readonly object[]): object => shopObject("VirtualService", "echo", { hosts: [HOST], http });

/** How often each server answered; failures by their code. */
async function count(caller: Caller, ask: Partial<Ask> = {}): Promise<Readonly<Record<string, number>>> {
  const out: Record<string, number> = {};
  for (const { code, text } of await caller.ask({ ...CALL, ...ask })) {
    const what = code === 0 ? text : `code ${code}`;
    out[what] = (out[what] ?? 0) + 1;
  }
  return out;
}

/** Waits until calls end as they should, all of `ask.count`. */
async function turns(caller: Caller, what: string, expected: string, ask: Partial<Ask> = {}): Promise<void> {
  await until(what, async () => {
    for (const { code, text, ms, details } of await caller.ask({ ...CALL, ...ask })) {
      const ended = code === 0 ? text : `code ${code}`;
      if (ended !== expected) throw new Error(`a call ended with ${ended} after ${ms} ms: ${details}`);
    }
    return true;
  });
}

for (const language of ["node", "python"] satisfies Language[]) {
  test(`calls without a proxy (${language})`, async (t) => {
    const python = language === "python" ? await findGrpcPython() : undefined;
    if (python?.found === false) {
      t.skip(python.reason);
      return;
    }
    const log: string[] = [];
    const mesh = await startGrpcMesh(t, log);
    const [v1, v2, third] = [
      await startEchoServer(t, "v1"),
      await startEchoServer(t, "v2"),
      await startEchoServer(t, "third"),
    ];
    const at = ({ port }: { port: number }, version: string): Parameters<typeof echoService>[1][number] => ({
      address: "127.0.0.1",
      port,
      version,
    });
    const both = echoService("echo", [at(v1, "v1"), at(v2, "v2")]);
    mesh.apply(both, RULE, routes({ route: [to("v1")] }));
    const identity = { server: mesh.server.grpc, address: "127.0.0.31", namespace: "shop" };
    const caller = startCaller(t, identity, python?.path);

    await t.test("a route to a subset", async () => {
      await turns(caller, "the first call is answered", "v1");
      assert.deepEqual(await count(caller, { count: 20 }), { v1: 20 });
    });

    await t.test("short names mean what they mean to a resolver", async () => {
      for (const name of ["echo", "echo.shop", "echo.shop.svc"]) {
        await turns(caller, `${name} is answered`, "v1", { target: `xds:///${name}:7070` });
      }
    });

    await t.test("weights, with a change of the VirtualService", async () => {
      mesh.apply(both, RULE, routes({ route: [to("v1", 75), to("v2", 25)] }));
      await turns(caller, "the other version answers", "v2");
      const { v1: first = 0, v2: second = 0 } = await count(caller, { count: 200 });
      assert.equal(first + second, 200);
      // Six standard deviations from 50.
      assert.ok(second > 13 && second < 87, `v2 answered ${second} of 200`);
    });

    await t.test("headers and paths choose routes", async () => {
      mesh.apply(
        both,
        RULE,
        routes(
          { match: [{ headers: { "x-tester": { exact: "yes" } } }], route: [to("v2")] },
          { match: [{ uri: { exact: "/shop.Echo/Other" } }], route: [to("v2")] },
          { match: [{ headers: { "x-old": { prefix: "1." } } }], route: [to("v2")] },
          { route: [to("v1")] },
        ),
      );
      await turns(caller, "the header's route counts", "v2", { count: 20, metadata: { "x-tester": "yes" } });
      await turns(caller, "calls without it go to the other", "v1", { count: 40 });
      assert.deepEqual(await count(caller, { count: 10 }), { v1: 10 });
      assert.deepEqual(await count(caller, { count: 10, metadata: { "x-tester": "yes" } }), { v2: 10 });
      assert.deepEqual(await count(caller, { count: 10, metadata: { "x-tester": "no" } }), { v1: 10 });
      assert.deepEqual(await count(caller, { count: 10, metadata: { "x-old": "1.2" } }), { v2: 10 });
      assert.deepEqual(await count(caller, { count: 10, path: "/shop.Echo/Other" }), { v2: 10 });
    });

    await t.test("what fails is tried again, as often as the route says", async () => {
      const seen: number[] = [];
      v1.behave(async (metadata) => {
        const attempt = Number(metadata.get("grpc-previous-rpc-attempts")[0] ?? 0);
        seen.push(attempt);
        return attempt < 2 ? { code: UNAVAILABLE, details: "not yet" } : undefined;
      });
      mesh.apply(both, RULE, routes({ retries: { attempts: 0 }, route: [to("v1")] }));
      await turns(caller, "there are no retries", `code ${UNAVAILABLE}`);
      mesh.apply(both, RULE, routes({ retries: { attempts: 3, retryOn: "unavailable" }, route: [to("v1")] }));
      await turns(caller, "the third attempt is answered", "v1");
      seen.splice(0);
      assert.deepEqual(await count(caller), { v1: 1 });
      assert.deepEqual(seen, [0, 1, 2]);
      v1.behave(undefined);
    });

    await t.test("a route's timeout ends calls", async () => {
      let release: () => void = () => undefined;
      const held = new Promise<undefined>((resolve) => {
        release = () => resolve(undefined);
      });
      mesh.apply(both, RULE, routes({ timeout: "4s", retries: { attempts: 0 }, route: [to("v2")] }));
      await turns(caller, "the route counts", "v2");
      v2.behave(() => held);
      try {
        const [answer] = await caller.ask({ ...CALL, seconds: 30 });
        assert.equal(answer?.code, DEADLINE_EXCEEDED);
        // gRPC in C takes the start of a call from the processor's cycles, which on virtual machines is off by seconds.
        assert.ok(answer.ms < 15_000, `ended after ${answer.ms} ms`);
      } finally {
        release();
        v2.behave(undefined);
      }
    });

    await t.test("faults are made by the client", async () => {
      const abort = { grpcStatus: "ABORTED", percentage: { value: 100 } };
      mesh.apply(
        both,
        RULE,
        routes(
          { match: [{ headers: { "x-fail": { exact: "1" } } }], fault: { abort }, route: [to("v1")] },
          { route: [to("v1")] },
        ),
      );
      await turns(caller, "the fault is there", `code ${ABORTED}`, { metadata: { "x-fail": "1" } });
      assert.deepEqual(await count(caller, { count: 5 }), { v1: 5 });
    });

    await t.test("one service's routes that gRPC doesn't know leave the others alone", async () => {
      const other = shopObject("VirtualService", "other", {
        hosts: ["other.shop.svc.cluster.local"],
        http: [
          { match: [{ uri: { prefix: "/a" } }], redirect: { uri: "/b" } },
          {
            corsPolicy: { allowOrigins: [{ exact: "*" }] },
            route: [{ destination: { host: "other.shop.svc.cluster.local" } }],
          },
        ],
      });
      mesh.apply(both, echoService("other", [at(third, "v1")]), other, RULE, routes({ route: [to("v2")] }));
      await turns(caller, "the new route counts", "v2");
    });

    await t.test("endpoints that come and go", async () => {
      const moved = echoService("echo", [at(third, "v1"), at(v2, "v2")]);
      mesh.apply(moved, RULE, routes({ route: [to("v1")] }));
      await turns(caller, "the new endpoint answers", "third");
      assert.deepEqual(await count(caller, { count: 20 }), { third: 20 });
      mesh.apply(echoService("echo", [at(v1, "v1"), at(third, "v1")]), RULE, routes({ route: [to("v1")] }));
      await turns(caller, "the old one is back", "v1");
      const shared = await count(caller, { count: 20 });
      assert.deepEqual(shared, { v1: 10, third: 10 }, "hosts are called in turn");
    });

    await t.test("a subset comes and goes with its rule", async () => {
      const one = echoService("echo", [at(v1, "v1"), at(v2, "v2")]);
      const extra = shopObject("DestinationRule", "echo", {
        host: HOST,
        subsets: [...SUBSETS, { name: "extra", labels: { version: "v2" } }],
      });
      mesh.apply(one, extra, routes({ route: [to("extra")] }));
      await turns(caller, "the subset answers", "v2");
      mesh.apply(one, RULE, routes({ route: [to("v1")] }));
      await turns(caller, "the first one answers", "v1");
    });

    await t.test("what doesn't exist is called when it comes", async () => {
      const target = "xds:///late.shop.svc.cluster.local:7070";
      // Clients wait 15 s for a listener that they have never seen.
      const [early] = await caller.ask({ ...CALL, target, seconds: 0.5 });
      assert.equal(early?.code, DEADLINE_EXCEEDED);
      mesh.apply(both, RULE, routes({ route: [to("v1")] }), echoService("late", [at(third, "v1")]));
      await turns(caller, "it is there", "third", { target });
      mesh.apply(both, RULE, routes({ route: [to("v1")] }));
      await turns(caller, "it is gone", `code ${UNAVAILABLE}`, { target });
      assert.deepEqual(await count(caller, { count: 5 }), { v1: 5 }, "others are called as before");
    });

    await t.test("nothing was refused", async () => {
      const text = await (await fetch(`${mesh.server.monitoring}/metrics`)).text();
      const rejects = text
        .split("\n")
        .filter((line) => /^pilot(_total)?_xds_\w*reject/.test(line) && !/ 0$/.test(line));
      assert.deepEqual(rejects, []);
      assert.deepEqual(log, []);
    });
  });
}
