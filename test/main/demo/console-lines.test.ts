// The demo's console: log lines in short, and what to try with an Envoy and without.
import assert from "node:assert/strict";
import { test } from "node:test";
import { consoleLine, whatToTry } from "../../../src/main/demo/console-lines.ts";

test("a log line is shortened to its time, scope and message", () => {
  const info = {
    level: "info",
    time: "2026-01-02T03:04:05.678Z",
    scope: "push",
    version: 2,
    merged: 1,
    msg: "push: RDS to 1 proxy",
  };
  assert.equal(consoleLine(JSON.stringify(info)), "03:04:05.678  push      RDS to 1 proxy  version=2\n");
  const error = {
    level: "error",
    time: "2026-01-02T03:04:05.678Z",
    scope: "config",
    file: "a.yaml",
    line: 3,
    msg: "rejected",
  };
  assert.equal(consoleLine(JSON.stringify(error)), "03:04:05.678  config    ERROR rejected  file=a.yaml  line=3\n");
});

test("what to try names the page with an Envoy, and productpage itself without", () => {
  const common = { direct: "http://d/", routeFile: "r.yaml", configDir: "config", debug: "http://x", proxyId: "g" };
  const withEnvoy = whatToTry({ ...common, page: "http://p/productpage", envoyAdmin: "127.0.0.1:1" });
  assert.match(withEnvoy, /open +http:\/\/p\/productpage\n/);
  assert.match(withEnvoy, /weights in r\.yaml/);
  const without = whatToTry({ ...common, problem: "python3 is missing" });
  assert.match(without, /PROBLEM +python3 is missing/);
  assert.match(without, /open +http:\/\/d\//);
});
