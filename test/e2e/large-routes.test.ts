// Route configurations of many hosts, which are generated in slices and sent in pieces, in real Envoys.
import assert from "node:assert/strict";
import { test } from "node:test";
import { assertConfigurationAccepted, type TestEnvoy } from "../support/envoy.ts";
import { startSidecars } from "../support/running-sidecars.ts";
import { GATEWAY, object, startTrafficMesh } from "../support/traffic-mesh.ts";
import { until } from "../support/until.ts";

/** Enough for several slices. */
const HOSTS = 600;
const numbers = Array.from({ length: HOSTS }, (_, i) => i);

interface RoutesDump {
  readonly configs?: readonly {
    readonly route_config: { readonly name: string; readonly virtual_hosts?: readonly { readonly name: string }[] };
  }[];
}

/** Names of the virtual hosts that an Envoy has under the name of a route configuration. */
async function virtualHosts(envoy: TestEnvoy, name: string): Promise<readonly string[]> {
  const { configs } = JSON.parse(await envoy.admin("/config_dump?resource=dynamic_route_configs")) as RoutesDump;
  const found = (configs ?? []).find(({ route_config }) => route_config.name === name);
  return (found?.route_config.virtual_hosts ?? []).map((host) => host.name);
}

for (const mode of ["sotw", "delta"] as const) {
  test(`a gateway with many hosts (${mode})`, async (t) => {
    const mesh = await startTrafficMesh(t, mode);
    if (!mesh) return;
    const answering = (text: (i: number) => string): object[] =>
      numbers.map((i) =>
        object("VirtualService", `h${i}`, {
          hosts: [`h${i}.example.com`],
          gateways: [GATEWAY],
          http: [{ directResponse: { status: 200, body: { string: text(i) } } }],
        }),
      );
    const bodies = (...hosts: number[]): Promise<string[]> =>
      Promise.all(hosts.map(async (i) => (await mesh.ask(`h${i}.example.com`)).body));

    await mesh.apply(...answering((i) => `first ${i}`));
    assert.deepEqual(await bodies(0, 7, HOSTS - 1), ["first 0", "first 7", `first ${HOSTS - 1}`]);
    const name = `http.${mesh.port}`;
    const all = await virtualHosts(mesh.envoy, name);
    assert.equal(new Set(all).size, HOSTS + 1, "each host once, and the one by which the test knows that all is there");

    await mesh.apply(...answering((i) => (i === 7 ? "second" : `first ${i}`)));
    assert.deepEqual(await bodies(0, 7, 8), ["first 0", "second", "first 8"]);
    await mesh.apply(...answering((i) => `third ${i}`).slice(0, 3));
    assert.deepEqual(await bodies(0, 2), ["third 0", "third 2"]);
    assert.equal((await mesh.ask("h7.example.com")).status, 404);
    assert.equal((await virtualHosts(mesh.envoy, name)).length, 4);
    await assertConfigurationAccepted(mesh.envoy);
  });

  test(`a sidecar that sees many hosts (${mode})`, async (t) => {
    const mesh = await startSidecars(t, mode);
    if (!mesh) return;
    const { client, server, hub } = mesh;
    mesh.apply(
      "many.yaml",
      numbers
        .map(
          (i) => `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: s${i}, namespace: ${i % 2 ? "shop" : "other"}}
spec:
  hosts: [s${i}.${i % 2 ? "shop" : "other"}.svc.cluster.local]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{number: 8080, name: http, protocol: HTTP}]
  endpoints: [{address: ${server.node.address}}]
`,
        )
        .join("---\n"),
    );
    const asked = (host: string, header = ""): Promise<boolean> =>
      client.node
        .call("get", { host: "10.98.0.20", port: 8080, path: "/", headers: { host } })
        .then(({ status, body }) => status === 200 && body.includes("echo-v1") && body.includes(header));

    await until("all hosts are there", async () => (await virtualHosts(client.envoy, "8080")).length >= HOSTS + 2);
    // The client is in the namespace shop: it leaves that out.
    for (const host of ["s7", "s7.shop", "s8.other", "s8.other.svc.cluster.local:8080", "echo"]) {
      await until(`${host} answers`, () => asked(host));
    }
    mesh.apply(
      "route.yaml",
      `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: s7, namespace: shop}
spec:
  hosts: [s7]
  http: [{headers: {request: {set: {x-mark: marked}}}, route: [{destination: {host: s7}}]}]
`,
    );
    await until("an edit of one host's routes is taken up", () => asked("s7", '"x-mark":"marked"'));
    assert.equal(await asked("s9"), true);
    assert.equal((await virtualHosts(client.envoy, "8080")).length, HOSTS + 2);
    await assertConfigurationAccepted(client.envoy);
    const metrics = await hub.call("get", { host: hub.address, port: 15014, path: "/metrics", headers: {} });
    assert.doesNotMatch(metrics.body, /^pilot_total_xds_rejects(\{.*\})? [1-9]/m);
  });
}
