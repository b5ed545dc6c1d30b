// MeshConfig and MeshNetworks: how they lie over the defaults, what is wrong with them, and how files are followed.
import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { describe, it, type TestContext } from "node:test";
import { parseFeatures } from "../../../src/main/config/features.ts";
import { mergeMeshConfig, parseMeshConfig } from "../../../src/main/config/mesh-config.ts";
import { parseMeshNetworks } from "../../../src/main/config/mesh-networks.ts";
import { loadMeshSettings, type MeshSettingsSource, watchMeshFiles } from "../../../src/main/config/mesh-settings.ts";
import { loadDescriptors } from "../../../src/main/validation/structural/descriptors.ts";
import type { MeshSettings } from "../../../src/shared/model/mesh.ts";

const descriptors = loadDescriptors();

function mesh(text: string) {
  return mergeMeshConfig(parseMeshConfig(text, "mesh.yaml", descriptors));
}

function reason(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    return (error as Error).message;
  }
  return "";
}

describe("MeshConfig", () => {
  it("has istiod's defaults where the file says nothing", () => {
    const config = mesh("");
    assert.equal(config.proxyListenPort, 15001);
    assert.equal(config.connectTimeout, "10s");
    assert.equal(config.defaultConfig!.discoveryAddress, "istiod.istio-system.svc:15012");
    assert.deepEqual(
      config.extensionProviders!.map((p) => p.name),
      ["prometheus", "stackdriver", "envoy"],
    );
  });

  it("replaces whole fields, but merges proxy settings, default providers and providers by name", () => {
    const config = mesh(`
localityLbSetting: {distribute: [{from: a/*, to: {a/*: 100}}]}
defaultServiceExportTo: [.]
trust_domain: td.example
trustDomainAliases: [z, a, z]
connectTimeout: 1m30s
defaultConfig: {proxyMetadata: {A: b}, tracingServiceName: 1, drainDuration: 1s}
defaultProviders: {metrics: [prometheus]}
extensionProviders:
- {name: envoy, envoyFileAccessLog: {path: /tmp/log}}
- {name: mine, zipkin: {service: z.example, port: 1}}
`);
    assert.equal(config.localityLbSetting!.enabled, undefined);
    assert.deepEqual(config.defaultServiceExportTo, ["."]);
    assert.equal(config.trustDomain, "td.example");
    assert.deepEqual(config.trustDomainAliases, ["a", "z"]);
    assert.equal(config.connectTimeout, "90s");
    assert.equal(config.defaultConfig!.drainDuration, "1s");
    assert.equal(config.defaultConfig!.statusPort, 15020);
    assert.equal(config.defaultConfig!.tracingServiceName, "CANONICAL_NAME_ONLY");
    assert.equal(config.defaultConfig!.serviceCluster, undefined);
    assert.deepEqual(
      config.extensionProviders!.map((p) => p.name),
      ["prometheus", "stackdriver", "envoy", "mine"],
    );
    assert.equal(config.extensionProviders![2]!.envoyFileAccessLog!.path, "/tmp/log");
  });

  it("names the line and the field of every mistake", () => {
    for (const [text, expected] of [
      [
        "a: 1\n\nrootNamespaces: x\n",
        "mesh.yaml:1: a: unknown field\nmesh.yaml:3: rootNamespaces: unknown field; did you mean rootNamespace?",
      ],
      ["# x\nproxyListenPort: many", "mesh.yaml:2: proxyListenPort: must be an integer, not a string"],
      ["defaultConfig:\n  concurrency: 1.5", "mesh.yaml:2: defaultConfig.concurrency: must be an integer, not 1.5"],
      ["accessLogEncoding: XML", 'mesh.yaml:1: accessLogEncoding: "XML" is not one of TEXT, JSON'],
      [
        "defaultConfig:\n  statusPort: 70000",
        "mesh.yaml:2: defaultConfig.statusPort: invalid status port: port number 70000 must be in the range 1..65535",
      ],
      ["a: [", "mesh.yaml:1: Flow sequence in block collection must be sufficiently indented and end with a ]"],
      ["- 1", "mesh.yaml:1: settings must be a map of names to values"],
      ["{}\n---\n{}", "mesh.yaml:2: only one document is expected"],
    ] as const) {
      assert.equal(
        reason(() => mesh(text)),
        expected,
      );
    }
  });
});

it("takes MeshNetworks as a message and as a bare map", () => {
  const body = "net: {endpoints: [{fromRegistry: c1}], gateways: [{address: 1.2.3.4, port: 15443}]}";
  const wrapped = parseMeshNetworks(`networks: {${body}}`, "n.yaml", descriptors);
  assert.deepEqual(parseMeshNetworks(body, "n.yaml", descriptors), wrapped);
  assert.deepEqual(parseMeshNetworks("", "n.yaml", descriptors), {});
  assert.equal(
    reason(() => parseMeshNetworks("net:\n  endpoint: []", "n.yaml", descriptors)),
    "n.yaml:2: net.endpoint: unknown field; did you mean endpoints?",
  );
});

interface Files {
  readonly dir: string;
  readonly source: MeshSettingsSource;
}

function files(t: TestContext, podNamespace = ""): Files {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), "mizzen-mesh-"));
  t.after(() => fs.rmSync(dir, { recursive: true }));
  const source: MeshSettingsSource = {
    meshConfigFile: path.join(dir, "mesh"),
    networksConfigFile: path.join(dir, "networks"),
    features: parseFeatures({}).features,
    environment: {},
    podNamespace,
    domainSuffix: "cluster.local",
    clusterId: "c1",
  };
  fs.writeFileSync(source.meshConfigFile, "accessLogFile: one\n");
  fs.writeFileSync(source.networksConfigFile, "networks: {}\n");
  return { dir, source };
}

it("takes the root namespace from the file, then the pod, then the default", (t) => {
  const { source } = files(t, "pods");
  assert.equal(loadMeshSettings(source, descriptors).rootNamespace, "pods");
  assert.equal(loadMeshSettings({ ...source, podNamespace: "" }, descriptors).mesh.rootNamespace, "istio-system");
  fs.writeFileSync(source.meshConfigFile, "rootNamespace: root\n");
  assert.equal(loadMeshSettings(source, descriptors).mesh.rootNamespace, "root");
});

it("takes the variables that providers' headers name from the environment, and no others", (t) => {
  const { source } = files(t);
  const headers = "[{name: a, envName: TOKEN}, {name: b, envName: UNSET}, {name: c, value: x}]";
  fs.writeFileSync(
    source.meshConfigFile,
    `extensionProviders: [{name: z, zipkin: {service: z.example.com, port: 1, headers: ${headers}}}]\n`,
  );
  const environment = { TOKEN: "secret", OTHER: "other" };
  assert.deepEqual(loadMeshSettings({ ...source, environment }, descriptors).environment, {
    TOKEN: "secret",
    UNSET: "",
  });
});

it("follows its files, and keeps the last good settings", { timeout: 20_000 }, async (t) => {
  const { dir, source } = files(t);
  const events: string[] = [];
  let wake = (): void => undefined;
  const note = (event: string): void => {
    events.push(event);
    wake();
  };
  const next = async (count: number): Promise<void> => {
    while (events.length < count) await new Promise<void>((resolve) => (wake = resolve));
  };
  const log = {
    error: (_fields: object, message: string) => note(message),
    warn: () => undefined,
    info: () => undefined,
    debug: () => undefined,
  };
  const changed = (settings: MeshSettings, change: string): void => note(`${change} ${settings.mesh.accessLogFile}`);
  const watch = watchMeshFiles({ source, descriptors, log, changed });
  // Watching alone doesn't keep a process alive.
  const alive = setInterval(() => undefined, 60_000);
  t.after(() => {
    clearInterval(alive);
    watch.close();
  });

  fs.writeFileSync(path.join(dir, "new"), "accessLogFile: two\n");
  fs.renameSync(path.join(dir, "new"), source.meshConfigFile);
  await next(1);
  fs.writeFileSync(source.meshConfigFile, "accessLogFiles: three\n");
  await next(2);
  assert.equal(watch.current().mesh.accessLogFile, "two");
  fs.writeFileSync(source.networksConfigFile, "networks: {n: {endpoints: [{fromRegistry: c1}]}}\n");
  await next(3);
  // A mounted ConfigMap: the file is a link, and what it leads through is switched.
  for (const version of ["v1", "v2"]) {
    fs.mkdirSync(path.join(dir, `..${version}`));
    fs.writeFileSync(path.join(dir, `..${version}`, "mesh"), `accessLogFile: ${version}\n`);
  }
  fs.symlinkSync("..v1", path.join(dir, "..data"));
  fs.symlinkSync("..data/mesh", path.join(dir, "link"));
  fs.renameSync(path.join(dir, "link"), source.meshConfigFile);
  await next(4);
  fs.symlinkSync("..v2", path.join(dir, "..tmp"));
  fs.renameSync(path.join(dir, "..tmp"), path.join(dir, "..data"));
  await next(5);
  assert.deepEqual(events, [
    "mesh two",
    "mesh settings rejected; the last good ones stay in force",
    "networks two",
    "mesh v1",
    "mesh v2",
  ]);
});

it("tells once of an access log format that isn't the JSON that it should be", { timeout: 20_000 }, async (t) => {
  const { source } = files(t);
  const warned: object[] = [];
  let told = (): void => undefined;
  const log = {
    error: () => undefined,
    warn: (fields: object) => void warned.push(fields),
    info: () => undefined,
    debug: () => undefined,
  };
  const write = (text: string): void => fs.writeFileSync(source.meshConfigFile, `${text}\n`);
  write('{accessLogEncoding: JSON, accessLogFormat: "[1]"}');
  const watch = watchMeshFiles({ source, descriptors, log, changed: () => told() });
  const alive = setInterval(() => undefined, 60_000);
  t.after(() => {
    clearInterval(alive);
    watch.close();
  });
  const change = async (text: string): Promise<void> => {
    const changed = new Promise<void>((resolve) => (told = resolve));
    write(text);
    await changed;
  };
  const doubt = {
    file: source.meshConfigFile,
    field: "accessLogFormat",
    reason: "not a JSON object; access logs have the default fields instead",
  };
  assert.deepEqual(warned, [doubt]);
  await change('{accessLogEncoding: JSON, accessLogFormat: "[1]", accessLogFile: /dev/stdout}');
  assert.deepEqual(warned, [doubt]);
  await change('{accessLogEncoding: JSON, accessLogFormat: \'{"a": "b"}\'}');
  await change("{accessLogEncoding: TEXT, accessLogFormat: no JSON}");
  assert.deepEqual(warned, [doubt]);
  await change("{accessLogEncoding: JSON, accessLogFormat: no JSON}");
  assert.match((warned[1] as { reason: string }).reason, /^not JSON: .*; access logs have the default fields instead$/);
});
