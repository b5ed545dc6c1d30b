// Services, subsets and routes come and go all the time under a gateway Envoy with thousands of requests: none sees a 503 or 404. Each
// state of the configuration routes to something that is there; what is between two of them must do so too.
import assert from "node:assert/strict";
import http from "node:http";
import { type TestContext, test } from "node:test";
import { assertConfigurationAccepted, type Mode } from "../support/envoy.ts";
import { startBackend } from "../support/http-backend.ts";
import { assertNothingRejected } from "../support/running-shop.ts";
import { object, route, service, startTrafficMesh } from "../support/traffic-mesh.ts";

const HOST = "app.example.com";
const ROUNDS = 24;
const CLIENTS = 3;

for (const mode of ["sotw", "delta"] as const) test(`no request is lost (${mode})`, (t) => noneLost(t, mode));

async function noneLost(t: TestContext, mode: Mode): Promise<void> {
  const mesh = await startTrafficMesh(t, mode);
  if (!mesh) return;
  const backends = [await startBackend(t, "one"), await startBackend(t, "two"), await startBackend(t, "three")];

  /** In each state another service exists, of which another subset, if any, is routed to, by routes of another form. */
  const state = (round: number): object[] => {
    const name = `service-${round % 4}`;
    const host = `${name}.example.com`;
    const places = backends.map((backend, i) => ({ backend, labels: { version: `v${i}` } }));
    const subset = round % 3 === 0 ? undefined : `s${round % 5}`;
    const destination = { host, ...(subset === undefined ? {} : { subset }) };
    const others = round % 2 === 0 ? [{ match: [{ uri: { prefix: "/never" } }], redirect: { uri: "/" } }] : [];
    return [
      service(name, places),
      object("DestinationRule", name, {
        host,
        ...(subset === undefined ? {} : { subsets: [{ name: subset, labels: { version: `v${round % 3}` } }] }),
      }),
      route("app", [HOST], [...others, { route: [{ destination }] }]),
    ];
  };

  await mesh.apply(...state(0));
  let round = 0;
  let asking = true;
  let answered = 0;
  const failures: string[] = [];
  const clients = Array.from({ length: CLIENTS }, async () => {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    while (asking) {
      const during = round;
      const { status, body } = await mesh.ask(HOST, { agent });
      answered++;
      if (status !== 200) failures.push(`round ${during}: ${status} ${body}`);
    }
    agent.destroy();
  });
  try {
    for (round = 1; round <= ROUNDS; round++) await mesh.apply(...state(round));
  } finally {
    asking = false;
    await Promise.all(clients);
  }
  assert.deepEqual(failures, []);
  assert.ok(answered > 1000, `only ${answered} requests`);
  t.diagnostic(`${answered} requests in ${ROUNDS} changes`);
  await assertConfigurationAccepted(mesh.envoy);
  await assertNothingRejected(mesh.server);
}
