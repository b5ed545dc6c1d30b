#!/usr/bin/env node
// The `mizzen` command. Main thread.
import { isMainThread } from "node:worker_threads";
import { errorCode, errorMessage, MizzenError } from "../shared/errors.ts";
import { runProgram } from "./cli/program.ts";

if (!isMainThread) throw new MizzenError("MIZZEN_ERR_INVARIANT", "main.ts was loaded on a worker thread");

try {
  await runProgram(process.argv);
} catch (error) {
  const misused = errorCode(error, "MIZZEN_ERR_INVARIANT") === "MIZZEN_ERR_OPTIONS";
  const text = !misused && error instanceof Error ? (error.stack ?? error.message) : errorMessage(error);
  process.stderr.write(`${text.replace(/^(?=.)/gm, "mizzen: ")}\n`);
  process.exit(misused ? 2 : 1);
}
