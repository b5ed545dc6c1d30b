import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import protobuf from "protobufjs/minimal.js";
import { certificateAuthority, opensslMissing } from "../../../support/certificates.ts";
import { generateFor, meshSettings, WorkerMesh } from "../../../support/worker-mesh.ts";

const folder = fs.mkdtempSync(path.join(os.tmpdir(), "mizzen-trust-"));
after(() => fs.rmSync(folder, { recursive: true, force: true }));

const ENV = { ISTIO_MULTIROOT_MESH: "true" };
const missing = opensslMissing();

function bundle(certificates: readonly object[], env: Readonly<Record<string, string>> = ENV) {
  const mesh = new WorkerMesh([], meshSettings(JSON.stringify({ caCertificates: certificates }), env));
  const { resources, warnings } = generateFor(mesh.context(), mesh.view(), "PCDS", null);
  const bytes = resources.get("");
  return { anchors: bytes && read(bytes), warnings };
}

/** The certificates in a ProxyConfig, which has nothing else. */
function read(bytes: Uint8Array): string[] {
  const reader = protobuf.Reader.create(bytes);
  const out: string[] = [];
  while (reader.pos < reader.len) {
    assert.equal(reader.uint32() >>> 3, 34);
    out.push(reader.string());
  }
  return out;
}

function pem(name: string): { ca: string; leaf: string } {
  const own = path.join(folder, name);
  fs.mkdirSync(own);
  const authority = certificateAuthority(own);
  return {
    ca: fs.readFileSync(authority.cert, "utf8"),
    leaf: fs.readFileSync(authority.sign("a.example.com").cert, "utf8"),
  };
}

test("the mesh's further authorities are sent in order, each once", { skip: missing ?? false }, () => {
  const [a, b] = [pem("a").ca, pem("b").ca];
  const { anchors, warnings } = bundle([{ pem: b }, { pem: `${a}${b}` }]);
  assert.deepEqual(anchors, [a, b].sort());
  assert.deepEqual(warnings, []);
});

test("what is no authority is left out, and named", { skip: missing ?? false }, () => {
  const { ca, leaf } = pem("c");
  const broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----";
  const { anchors, warnings } = bundle([{ pem: leaf }, { pem: ca }, { pem: "none" }, { pem: broken }]);
  assert.deepEqual(anchors, [ca]);
  assert.equal(warnings.length, 3);
  assert.match(warnings[0]!, /caCertificates\[0\]\.pem: is no certificate of an authority/);
  assert.match(warnings[1]!, /caCertificates\[2\]\.pem: holds no certificate/);
  assert.match(warnings[2]!, /caCertificates\[3\]\.pem: cannot be read/);
});

test("a mesh with one root sends none", () => {
  assert.equal(bundle([], {}).anchors, undefined);
});
