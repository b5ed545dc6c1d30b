// This build's version. Main thread.
import fs from "node:fs";

/** As package.json has it. */
export function readVersion(): string {
  // The compiled file is in dist/src/main/cli.
  const text = fs.readFileSync(new URL("../../../../package.json", import.meta.url), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}
