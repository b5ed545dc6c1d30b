// Principals under the names that a mesh's trust domain has.
// https://istio.io/latest/docs/tasks/security/authorization/authz-td-migration/
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  domainsWithAliases,
  principalsWithAliases,
} from "../../../../src/workers/filters/authorization/trust-domains.ts";

const MESH = ["td", "old-td"];
const REST = "ns/a/sa/b";

const PRINCIPALS: readonly (readonly [says: string, principal: string, expected: readonly string[]])[] = [
  ["the mesh's own", `td/${REST}`, [`td/${REST}`, `old-td/${REST}`]],
  ["an alias", `old-td/${REST}`, [`td/${REST}`, `old-td/${REST}`]],
  ["cluster.local, which means the mesh", `cluster.local/${REST}`, [`td/${REST}`, `old-td/${REST}`]],
  ["another mesh's", `other/${REST}`, [`other/${REST}`]],
  ["any", `*/${REST}`, [`*/${REST}`]],
  ["all that end alike", `*-td/${REST}`, [`td/${REST}`, `*-td/${REST}`]],
  ["all that begin alike", `old*/${REST}`, [`td/${REST}`, `old-td/${REST}`]],
  ["no identity of a workload", "just-a-name", ["just-a-name"]],
  ["an identity with more parts", `td/${REST}/x/y`, [`td/${REST}/x/y`]],
];

for (const [says, principal, expected] of PRINCIPALS) {
  test(`trust domain of a principal: ${says}`, () => {
    assert.deepEqual(principalsWithAliases([principal], MESH), expected);
  });
}

test("principals stay as they are where trust domains don't matter", () => {
  assert.deepEqual(principalsWithAliases([`td/${REST}`, "*"], []), [`td/${REST}`, "*"]);
});

test("a trust domain of the mesh stands for all of them, once", () => {
  assert.deepEqual(domainsWithAliases(["td", "x*", "old-td"], MESH), ["td", "old-td", "x*"]);
});
