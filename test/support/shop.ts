// A copy of the shop sample for one test, on loopback addresses of its own, with its files open to changes.
import fs from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { readSample, type Sample } from "../../src/main/demo/sample.ts";
import { repositoryRoot } from "./repository.ts";

export interface ShopCopy {
  readonly folder: string;
  readonly sample: Sample;
  /** Replaces a file of config/ as editors do: written beside, then renamed. */
  edit(file: string, change: (text: string) => string): void;
  remove(): void;
}

/** The sample uses 127.0.0.x and 127.0.1.x; the copy 127.N.0.x and 127.N.1.x, with an N that nobody uses. */
export async function copyShop(): Promise<ShopCopy> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "mizzen-shop-"));
  const block = await freeBlock();
  fs.cpSync(path.join(repositoryRoot(), "samples/shop"), folder, { recursive: true });
  const config = path.join(folder, "config");
  for (const name of fs.readdirSync(config)) {
    const file = path.join(config, name);
    fs.writeFileSync(file, fs.readFileSync(file, "utf8").replace(/\b127\.0\.([01])\./g, `127.${block}.$1.`));
  }
  return {
    folder,
    sample: readSample(folder),
    edit(file, change) {
      const target = path.join(config, file);
      const before = fs.readFileSync(target, "utf8");
      const after = change(before);
      if (after === before) throw new Error(`the change leaves ${file} as it was`);
      fs.writeFileSync(`${target}.new`, after);
      fs.renameSync(`${target}.new`, target);
    },
    remove: () => fs.rmSync(folder, { recursive: true, force: true }),
  };
}

/** From 10 to 250, beginning with the process's id, so that tests that run at once are apart. */
async function freeBlock(): Promise<number> {
  for (let step = 0; step < 240; step++) {
    const block = 10 + ((process.pid + step) % 240);
    if (await canListen(`127.${block}.0.1`, 8880)) return block;
  }
  throw new Error("no free loopback addresses");
}

function canListen(address: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = net.createServer();
    server.once("error", () => resolve(false));
    server.listen(port, address, () => server.close(() => resolve(true)));
  });
}
