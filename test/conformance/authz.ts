// Runs the authorization suite of ../shared, and fails where a case that was equal before isn't any more.
//   node dist/test/conformance/authz.js [--failures]     (UPDATE_LEVELS=1 records which cases are equal)
import fs from "node:fs";
import path from "node:path";
import { repositoryRoot } from "../support/repository.ts";
import { readAuthzSuite, runAuthzCase } from "./authz-suite.ts";

const LEVELS = "test/conformance/levels/authz.json";

function main(args: readonly string[]): number {
  const root = repositoryRoot();
  const folder = path.join(root, "../shared/conformance/authz");
  if (!fs.existsSync(folder)) {
    console.log("authorization suite: ../shared is not here, so there is nothing to compare with");
    console.log("authz: 0 passed, 0 failed, 1 skipped");
    return 0;
  }
  const file = path.join(root, LEVELS);
  const before = (fs.existsSync(file) ? JSON.parse(fs.readFileSync(file, "utf8")) : {}) as Record<string, boolean>;
  const reached: Record<string, boolean> = {};
  const worse: string[] = [];
  for (const one of readAuthzSuite(folder)) {
    const outcome = runAuthzCase(folder, one);
    reached[one.name] = outcome.equal;
    if (outcome.equal) continue;
    if (before[one.name]) worse.push(one.name);
    console.log(`${one.name} differs${before[one.name] ? ", and was equal" : ""}`);
    if (args.includes("--failures")) {
      console.log(`  expected ${JSON.stringify(outcome.expected)}\n  actual   ${JSON.stringify(outcome.actual)}`);
    }
  }
  const names = Object.keys(reached);
  console.log(`${names.filter((name) => reached[name]).length}/${names.length} authorization cases equal`);
  const write = process.env.UPDATE_LEVELS === "1";
  if (write) fs.writeFileSync(file, `${JSON.stringify(reached, null, 2)}\n`);
  // A case that is known not to be equal is in its level, so that it fails nothing.
  console.log(`authz: ${names.length - worse.length} passed, ${worse.length} failed, 0 skipped`);
  return worse.length === 0 || write ? 0 : 1;
}

process.exitCode = main(process.argv.slice(2));
