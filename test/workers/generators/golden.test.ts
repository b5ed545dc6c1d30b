// Small meshes, one for each behaviour, with what a proxy gets of them: testdata/CASE/{mesh,proxy}.yaml gives
// {cds,eds,lds,rds}.yaml. `UPDATE=1 node --test dist/test/workers/generators/golden.test.js` writes them again; review the
// difference.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { parse, stringify } from "yaml";
import type { XdsType } from "../../../src/shared/xds-types.ts";
import { repositoryRoot } from "../../support/repository.ts";
import { decoded, edsNames, type Json, routeNames } from "../../support/worker-json.ts";
import { meshSettings, type ProxySpec, type Resources, WorkerMesh } from "../../support/worker-mesh.ts";

const TESTDATA = path.join(repositoryRoot(), "test/workers/generators/testdata");
const UPDATE = process.env.UPDATE === "1";

/** The content of proxy.yaml. */
interface ProxyFile {
  readonly proxy?: ProxySpec;
  /** MeshConfig. */
  readonly meshConfig?: object;
  /** The resources whose content is compared, by type; of all others only that they are there. */
  readonly show: Readonly<Partial<Record<"cds" | "eds" | "lds" | "rds", readonly string[]>>>;
}

function generate(folder: string, file: ProxyFile): Record<string, Record<string, Json>> {
  const settings = meshSettings(file.meshConfig ? stringify(file.meshConfig) : "");
  const mesh = WorkerMesh.of(fs.readFileSync(path.join(folder, "mesh.yaml"), "utf8"), settings);
  const proxy = file.proxy ?? {};
  const get = (type: XdsType, names: readonly string[] | null): Record<string, Json> => {
    const resources: Resources = mesh.generate(proxy, type, names);
    return decoded(type, resources);
  };
  const cds = get("CDS", null);
  const lds = get("LDS", null);
  return { cds, eds: get("EDS", edsNames(cds)), lds, rds: get("RDS", routeNames(lds)) };
}

function recorded(all: Readonly<Record<string, Json>>, shown: readonly string[]): object {
  const resources = Object.fromEntries(
    shown.map((name) => {
      assert.ok(all[name], `${name} isn't generated; there are ${Object.keys(all).join(", ")}`);
      return [name, all[name]];
    }),
  );
  return { names: Object.keys(all), resources };
}

for (const name of fs.readdirSync(TESTDATA).sort()) {
  test(name, () => {
    const folder = path.join(TESTDATA, name);
    const file = parse(fs.readFileSync(path.join(folder, "proxy.yaml"), "utf8")) as ProxyFile;
    const generated = generate(folder, file);
    for (const [type, shown] of Object.entries(file.show)) {
      const actual = recorded(generated[type]!, shown);
      const expected = path.join(folder, `${type}.yaml`);
      if (UPDATE) fs.writeFileSync(expected, stringify(actual, { lineWidth: 0 }));
      assert.deepEqual(actual, parse(fs.readFileSync(expected, "utf8")), `${name}: ${type}`);
    }
  });
}
