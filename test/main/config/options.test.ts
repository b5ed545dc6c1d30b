// The command line and the environment: defaults, every problem at once, and flags without effect.
import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { describe, it } from "node:test";
import { Command } from "commander";
import { buildDiscoveryCommand, DISCOVERY_FLAGS } from "../../../src/main/config/discovery-flags.ts";
import { type Environment, FEATURE_FLAGS, parseFeatures } from "../../../src/main/config/features.ts";
import { type Options, parseListenAddress } from "../../../src/main/config/options.ts";
import { MizzenError } from "../../../src/shared/errors.ts";

async function parse(
  args: readonly string[],
  env: Environment = {},
): Promise<{ options: Options; warnings: string[] }> {
  const program = new Command("mizzen");
  let result: { options: Options; warnings: string[] } | undefined;
  buildDiscoveryCommand(
    program,
    async (options, warnings) => {
      result = { options, warnings };
    },
    env,
  );
  await program.parseAsync(["node", "mizzen", "discovery", ...args]);
  return result!;
}

async function problems(args: readonly string[], env: Environment = {}): Promise<string[]> {
  try {
    await parse(args, env);
  } catch (error) {
    assert.ok(error instanceof MizzenError);
    assert.equal(error.code, "MIZZEN_ERR_OPTIONS");
    return error.message.split("\n");
  }
  return [];
}

describe("discovery options", () => {
  it("has pilot-discovery's defaults", async () => {
    const { options, warnings } = await parse([]);
    assert.deepEqual(warnings, []);
    assert.deepEqual(options.grpcAddress, { host: "", port: 15010 });
    assert.deepEqual(options.httpAddress, { host: "", port: 8080 });
    assert.deepEqual(options.registries, ["Kubernetes"]);
    assert.equal(options.maxConnectionAgeMs, Number.POSITIVE_INFINITY);
    assert.equal(options.debounceAfterMs, 100);
    assert.equal(options.debounceMaxMs, 10_000);
    assert.equal(options.shutdownMs, 10_000);
    assert.equal(options.clusterId, "Kubernetes");
    assert.ok(options.workers >= 1 && options.workers <= 8);
    assert.equal(options.pushThrottle, Math.min(15 + 5 * os.availableParallelism(), 100));
    assert.ok(Object.isFrozen(options));
  });

  it("takes values in all spellings", async () => {
    const { options } = await parse(
      [
        "--config-dir",
        os.tmpdir(),
        "--registries=",
        "--secureGRPCAddr=",
        "--grpcAddr",
        "[::1]:0",
        "--log_as_json",
        "--profile=false",
        "--log_output_level=ads:debug,warn",
        "--keepaliveMaxServerConnectionAge",
        "30m",
        "-n",
        "mesh",
      ],
      { CLUSTER_ID: "east", PILOT_PUSH_THROTTLE: "7", POD_NAMESPACE: "other", PILOT_HTTP10: "1" },
    );
    assert.equal(options.configDir, os.tmpdir());
    assert.deepEqual(options.registries, []);
    assert.equal(options.secureGrpcAddress, null);
    assert.deepEqual(options.grpcAddress, { host: "::1", port: 0 });
    assert.equal(options.logging.json, true);
    assert.equal(options.logging.defaultLevel, "warn");
    assert.equal(options.logging.levels.get("ads"), "debug");
    assert.equal(options.profile, false);
    assert.equal(options.maxConnectionAgeMs, 1_800_000);
    assert.equal(options.podNamespace, "mesh");
    assert.equal(options.clusterId, "east");
    assert.equal(options.pushThrottle, 7);
    assert.equal(options.features.http10, true);
  });

  it("names all problems at once", async () => {
    const missing = path.join(os.tmpdir(), "mizzen-no-such-file");
    const found = await problems(
      [
        "--grpcAddr",
        "15010",
        "--configDir",
        missing,
        "--meshConfig",
        missing,
        "--log_output_level",
        "no:debug,ads:loud",
        "--workers=0",
        "--registries=Consul",
      ],
      { PILOT_DEBOUNCE_AFTER: "soon", PILOT_HTTP10: "maybe", PILOT_PUSH_THROTTLE: "-1", PILOT_TRACE_SAMPLING: "101" },
    );
    for (const name of [
      "PILOT_DEBOUNCE_AFTER",
      "PILOT_HTTP10",
      "PILOT_PUSH_THROTTLE",
      "PILOT_TRACE_SAMPLING",
      "--grpcAddr",
      "--configDir",
      "--meshConfig",
      "--workers",
      "--registries",
    ]) {
      assert.ok(
        found.some((line) => line.startsWith(`${name}: `)),
        `${name} in ${found.join("\n")}`,
      );
    }
    assert.equal(found.filter((line) => line.startsWith("--log_output_level")).length, 2);
  });

  it("warns of flags that have no effect, known or not", async () => {
    const { warnings } = await parse(["--vklog", "3", "--brandNew=1"]);
    assert.deepEqual(warnings, ["--vklog has no effect yet", "--brandNew is not known and has no effect"]);
    assert.deepEqual(await problems(["--grpcAddr"]), ["error: option '--grpcAddr <address>' argument missing"]);
  });

  it("lists every flag and every variable in its help", () => {
    const command = buildDiscoveryCommand(new Command("mizzen"), async () => undefined);
    let help = "";
    command.configureOutput({ writeOut: (text) => (help += text) }).outputHelp();
    for (const flag of DISCOVERY_FLAGS) assert.ok(help.includes(flag.flags), flag.flags);
    for (const { env } of Object.values(FEATURE_FLAGS)) assert.ok(help.includes(`  ${env}  `), env);
  });
});

it("reads listening addresses", () => {
  for (const [text, expected] of [
    [":80", { host: "", port: 80 }],
    ["127.0.0.1:1", { host: "127.0.0.1", port: 1 }],
    ["localhost:65535", { host: "localhost", port: 65535 }],
    ["[::]:5", { host: "::", port: 5 }],
    [":65536", undefined],
    ["80", undefined],
    ["::1:80", undefined],
    ["a:b", undefined],
  ] as const) {
    assert.deepEqual(parseListenAddress(text), expected, text);
  }
});

it("keeps a feature's default when its variable can't be read", () => {
  const { features, problems: found } = parseFeatures({ PILOT_DNS_JITTER_DURATION: "x", PILOT_HTTP10: "" });
  assert.equal(features.dnsJitterMs, 100);
  assert.equal(features.http10, false);
  assert.equal(found.length, 1);
});

it("doesn't miss the default mesh file", async (t) => {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), "mizzen-options-"));
  t.after(() => fs.rmSync(dir, { recursive: true }));
  const file = path.join(dir, "mesh");
  fs.writeFileSync(file, "");
  assert.equal((await parse(["--mesh-config", file])).options.meshConfigFile, file);
  assert.equal((await parse([])).options.meshConfigFile, "");
});
