// The command as a process: version, wrong use, and a clean end.
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import fs from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import * as grpc from "@grpc/grpc-js";
import { FakeEnvoy } from "../../support/fake-envoy.ts";

const MAIN = fileURLToPath(new URL("../../../src/main/main.js", import.meta.url));
const QUIET = ["--registries=", "--secureGRPCAddr=", "--httpsAddr=", "--monitoringAddr=", "--meshConfig="];

interface Running {
  readonly child: ChildProcess;
  readonly output: () => string;
  readonly errors: () => string;
  /** Resolves with the address that the log names, when it is ready. */
  readonly ready: Promise<string>;
  readonly exit: Promise<number | null>;
}

function mizzen(...args: string[]): Running {
  const child = spawn(process.execPath, [MAIN, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { PATH: process.env.PATH },
  });
  let output = "";
  let errors = "";
  let isReady: (address: string) => void = () => undefined;
  const ready = new Promise<string>((resolve) => {
    isReady = resolve;
  });
  child.stdout!.on("data", (chunk: Buffer) => {
    output += chunk.toString();
    const address = /ready in .*grpc=(\S+)/.exec(output)?.[1];
    if (address) isReady(address);
  });
  child.stderr!.on("data", (chunk: Buffer) => {
    errors += chunk.toString();
  });
  const exit = new Promise<number | null>((resolve) => child.on("close", (code) => resolve(code)));
  return { child, output: () => output, errors: () => errors, ready, exit };
}

test("version", async () => {
  const long = mizzen("version");
  assert.equal(await long.exit, 0);
  assert.match(long.output(), /^mizzen \d+\.\d+\.\d+ \(node v\d+/);
  const short = mizzen("version", "--short");
  assert.equal(await short.exit, 0);
  assert.match(short.output(), /^\d+\.\d+\.\d+\n$/);
  const json = mizzen("version", "-o", "json");
  assert.equal(await json.exit, 0);
  assert.equal(typeof (JSON.parse(json.output()) as { version: string }).version, "string");
});

test("wrong use ends with status 2 and a message", async () => {
  const unknown = mizzen("frobnicate");
  assert.equal(await unknown.exit, 2);
  assert.match(unknown.errors(), /frobnicate/);
  const output = mizzen("version", "-o", "xml");
  assert.equal(await output.exit, 2);

  const server = net.createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as net.AddressInfo;
  const busy = mizzen("discovery", ...QUIET, `--grpcAddr=127.0.0.1:${port}`, "--httpAddr=");
  assert.equal(await busy.exit, 2);
  assert.match(busy.errors(), /cannot listen on 127\.0\.0\.1/);
  server.close();
});

test("a signal drains the streams and ends the process cleanly", async () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "mizzen-"));
  const running = mizzen("discovery", ...QUIET, "--grpcAddr=127.0.0.1:0", "--httpAddr=", `--configDir=${folder}`);
  const proxy = new FakeEnvoy({ target: await running.ready, variant: "delta" });
  proxy.subscribe("CDS");
  await proxy.next("CDS");
  running.child.kill("SIGTERM");
  const status = await proxy.whenEnded();
  assert.equal(status.code, grpc.status.UNAVAILABLE);
  assert.equal(await running.exit, 0);
  assert.match(running.output(), /stopped/);
  assert.equal(running.errors(), "");
  await proxy.close();
  fs.rmSync(folder, { recursive: true });
});
