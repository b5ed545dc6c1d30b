// Configuration that the schema allows and that nobody would write: whatever of it passes validation is generated from without an exception,
// gives messages that decode, and the same bytes each time.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { MeshObject } from "../../../src/shared/model/delta.ts";
import { graftedDocument } from "../../support/schema-arbitraries.ts";
import { DOCUMENTS } from "../../support/worker-arbitraries.ts";
import { decoded, edsNames, routeNames } from "../../support/worker-json.ts";
import { type ProxySpec, type Resources, WorkerMesh } from "../../support/worker-mesh.ts";
import { BASE, validObjects } from "../../support/worker-objects.ts";
import { proxySpec } from "../../support/worker-proxies.ts";

/** MIZZEN_TEST_RUNS=3000 looks harder. */
const RUNS = Number(process.env.MIZZEN_TEST_RUNS ?? 60);

const KINDS = Object.keys(DOCUMENTS) as (keyof typeof DOCUMENTS)[];

/** All that a proxy asks for, each type decoded. */
function everything(mesh: WorkerMesh, spec: ProxySpec): readonly Resources[] {
  const show = (type: "CDS" | "LDS" | "EDS" | "RDS" | "NDS", names: readonly string[] | null = null) => {
    const resources = mesh.generate(spec, type, names);
    return { resources, content: decoded(type, resources) };
  };
  const clusters = show("CDS");
  const listeners = show("LDS");
  const endpoints = show("EDS", edsNames(clusters.content));
  const routes = show("RDS", routeNames(listeners.content));
  return [clusters, listeners, endpoints, routes, show("NDS")].map(({ resources }) => resources);
}

for (const kind of KINDS) {
  test(`${kind}: any field`, () => {
    let valid = 0;
    fc.assert(
      fc.property(
        graftedDocument(kind),
        fc.array(graftedDocument(kind), { maxLength: 2 }),
        proxySpec,
        (first, more, spec) => {
          const objects: MeshObject[] = [...BASE, ...[first, ...more].flatMap((raw) => validObjects(raw))];
          if (objects.length > BASE.length) valid++;
          const once = everything(new WorkerMesh(objects), spec);
          const again = everything(new WorkerMesh(objects), spec);
          assert.deepEqual(again, once);
        },
      ),
      { numRuns: RUNS },
    );
    assert.ok(valid * 8 >= RUNS, `only ${valid} of ${RUNS} meshes had a valid one`);
  });
}
