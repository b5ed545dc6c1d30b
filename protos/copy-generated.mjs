// Copies the generated JavaScript and JSON, which the TypeScript compiler leaves alone, beside its output.
import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

const root = path.join(path.dirname(fileURLToPath(import.meta.url)), "..");
const from = path.join(root, "src/shared/gen");
const to = path.join(root, "dist/src/shared/gen");
fs.mkdirSync(to, { recursive: true });
for (const name of fs.readdirSync(from)) {
  if (/\.(js|json)$/.test(name)) fs.copyFileSync(path.join(from, name), path.join(to, name));
}
