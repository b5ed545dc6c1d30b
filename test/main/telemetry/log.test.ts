import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { promisify } from "node:util";

const LOG = new URL("../../../src/main/telemetry/log.js", import.meta.url).href;

/** Standard output of a process that logs as `body` says, and the number of its writes. */
async function outputOf(body: string): Promise<string> {
  const script = `
    import { createLogging } from ${JSON.stringify(LOG)};
    let writes = 0;
    const write = process.stdout.write.bind(process.stdout);
    process.stdout.write = (text) => { writes++; return write(text); };
    process.on("exit", () => { process.exitCode ??= 0; });
    const log = createLogging({ defaultLevel: "info", levels: new Map(), json: false })("ads");
    const report = () => write("writes " + writes + "\\n");
    ${body}`;
  const run = promisify(execFile)(process.execPath, ["--input-type=module", "-e", script]);
  return (await run.catch((failed: { stdout: string }) => failed)).stdout;
}

const lines = (text: string): string[] => text.trimEnd().split("\n");

test("the lines of one turn are one write, in order", async () => {
  const out = lines(await outputOf(`for (let i = 0; i < 50; i++) log.info({}, "line " + i); setImmediate(report);`));
  assert.equal(out.length, 51);
  assert.match(out[49]!, /\tinfo\tads\tline 49$/);
  assert.equal(out[50], "writes 1");
});

test("no line is lost when the process exits in the same turn, or by an error that nobody catches", async () => {
  assert.match(await outputOf(`log.info({}, "last words"); process.exit(3);`), /last words\n$/);
  assert.match(await outputOf(`log.info({}, "last words"); throw new Error("unexpected");`), /last words\n$/);
});
