// The hand-written codecs agree with the generated ones.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { decodeDeltaRequest, decodeSotwRequest } from "../../../src/main/streams/request-wire.ts";
import {
  deltaResponse,
  encodeControlPlane,
  encodeDeltaResources,
  encodeSotwResources,
  sotwResponse,
} from "../../../src/main/streams/response-wire.ts";
import { MizzenError } from "../../../src/shared/errors.ts";
import { envoy } from "../../../src/shared/gen/discovery.js";
import type { EncodedResource } from "../../../src/shared/model/resource.ts";
import { TYPE_URL } from "../../../src/shared/xds-types.ts";
import { unframed } from "../../support/decoded-response.ts";

const { DiscoveryRequest, DeltaDiscoveryRequest, DiscoveryResponse, DeltaDiscoveryResponse } =
  envoy.service.discovery.v3;

const text = fc.string({ unit: "grapheme", maxLength: 20 });
const status = fc.option(
  fc.record({ code: fc.integer({ min: 0, max: 16 }), message: text }, { noNullPrototype: true }),
  {
    nil: undefined,
  },
);
const node = fc.option(fc.record({ id: text, cluster: text }), { nil: undefined });

test("state-of-the-world requests", () => {
  fc.assert(
    fc.property(
      node,
      text,
      text,
      fc.array(text),
      text,
      status,
      (n, typeUrl, versionInfo, names, nonce, errorDetail) => {
        const bytes = DiscoveryRequest.encode({
          typeUrl,
          versionInfo,
          resourceNames: names,
          responseNonce: nonce,
          ...(n ? { node: n } : {}),
          ...(errorDetail ? { errorDetail } : {}),
        }).finish();
        const request = decodeSotwRequest(bytes);
        assert.equal(request.typeUrl, typeUrl);
        assert.equal(request.versionInfo, versionInfo);
        assert.deepEqual(request.names, names);
        assert.equal(request.nonce, nonce);
        assert.deepEqual(request.error, errorDetail);
        assert.equal(request.node === undefined, n === undefined);
        if (request.node) assert.equal(envoy.config.core.v3.Node.decode(request.node).id, n?.id);
      },
    ),
  );
});

/** The serialized names of a request that has nothing else. */
function namesOnly(names: readonly string[]): Uint8Array {
  return new Uint8Array(DiscoveryRequest.encode({ resourceNames: [...names] }).finish());
}

test("names that don't stand together are found too", () => {
  const request = Buffer.concat([
    namesOnly(["a"]),
    DiscoveryRequest.encode({ typeUrl: "t" }).finish(),
    namesOnly(["b"]),
  ]);
  const { names, namesBytes, typeUrl } = decodeSotwRequest(request);
  assert.deepEqual(names, ["a", "b"]);
  assert.equal(namesBytes, undefined);
  assert.equal(typeUrl, "t");
});

test("names that earlier requests had are read like any others", () => {
  const some = fc.array(fc.constantFrom("a", "b", "cc"), { maxLength: 4 });
  fc.assert(
    fc.property(some, fc.array(some), text, (names, earlier, nonce) => {
      const bytes = DiscoveryRequest.encode({ resourceNames: names, typeUrl: "t", responseNonce: nonce }).finish();
      const plain = decodeSotwRequest(bytes);
      const request = decodeSotwRequest(bytes, earlier.map(namesOnly));
      assert.deepEqual({ ...request }, { ...plain });
      assert.deepEqual(request.names, names);
    }),
  );
});

test("delta requests", () => {
  const versions = fc.dictionary(text, text, { noNullPrototype: true });
  fc.assert(
    fc.property(fc.array(text), fc.array(text), versions, text, status, (subscribe, unsubscribe, initial, nonce, e) => {
      const bytes = DeltaDiscoveryRequest.encode({
        typeUrl: TYPE_URL.CDS,
        resourceNamesSubscribe: subscribe,
        resourceNamesUnsubscribe: unsubscribe,
        initialResourceVersions: initial,
        responseNonce: nonce,
        ...(e ? { errorDetail: e } : {}),
      }).finish();
      const request = decodeDeltaRequest(bytes);
      assert.deepEqual(request.subscribe, subscribe);
      assert.deepEqual(request.unsubscribe, unsubscribe);
      assert.deepEqual(Object.fromEntries(request.initialVersions), initial);
      assert.equal(request.nonce, nonce);
      assert.deepEqual(request.error, e);
    }),
  );
});

test("requests that are no messages are refused, unknown fields are not", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
      for (const decode of [decodeSotwRequest, decodeDeltaRequest]) {
        try {
          decode(bytes);
        } catch (error) {
          assert.equal(error instanceof MizzenError && error.code, "MIZZEN_ERR_PROTOCOL");
        }
      }
    }),
  );
  // Field 100, a varint.
  assert.equal(decodeSotwRequest(Buffer.from([0xa0, 0x06, 0x01])).typeUrl, "");
});

test("large resources are written as they are, small ones together", () => {
  const resource = (name: string, size: number): EncodedResource => ({
    name,
    hash: "0123456789abcdef",
    bytes: new Uint8Array(size).fill(7),
  });
  const resources = [resource("a", 10), resource("b", 100_000), resource("c", 10), resource("d", 10)];
  for (const encode of [encodeSotwResources, encodeDeltaResources]) {
    const pieces = encode("RDS", resources);
    assert.equal(pieces.length, 3);
    assert.equal(pieces[1], resources[1]!.bytes);
  }
});

test("what is generated in pieces is written in the same ones", () => {
  const pieces = ["one", "two", "three"].map((text) => Buffer.from(text));
  const resource = { name: "a", hash: "0123456789abcdef", bytes: Buffer.concat(pieces), pieces };
  for (const encode of [encodeSotwResources, encodeDeltaResources]) {
    const written = encode("RDS", [resource]);
    assert.deepEqual(written.slice(1, 4), pieces);
    for (const [i, piece] of pieces.entries()) assert.equal(written[i + 1], piece);
  }
});

test("responses", () => {
  const resource: fc.Arbitrary<EncodedResource> = fc.record(
    {
      name: fc.oneof(text, fc.string({ minLength: 120, maxLength: 140 })),
      hash: fc.stringMatching(/^[0-9a-f]{16}$/),
      bytes: fc.oneof(
        fc.uint8Array({ maxLength: 20 }),
        fc.integer({ min: 60, max: 100_000 }).map((size) => new Uint8Array(size).fill(7)),
      ),
    },
    { noNullPrototype: true },
  );
  const pieced: fc.Arbitrary<EncodedResource> = fc
    .tuple(resource, fc.array(fc.uint8Array({ maxLength: 20 }), { minLength: 2, maxLength: 4 }))
    .map(([one, pieces]) => ({ ...one, pieces, bytes: Buffer.concat(pieces) }));
  const controlPlane = encodeControlPlane("me");
  fc.assert(
    fc.property(
      fc.array(fc.oneof(resource, pieced), { maxLength: 8 }),
      text,
      text,
      fc.array(text),
      (resources, version, nonce, removed) => {
        const header = { type: "RDS" as const, version, nonce, controlPlane };
        const sotw = DiscoveryResponse.decode(unframed(sotwResponse(header, encodeSotwResources("RDS", resources))));
        assert.equal(sotw.versionInfo, version);
        assert.equal(sotw.nonce, nonce);
        assert.equal(sotw.typeUrl, TYPE_URL.RDS);
        assert.equal(sotw.controlPlane?.identifier, "me");
        assert.equal(sotw.resources.length, resources.length);
        sotw.resources.forEach((any, i) => {
          assert.equal(any.type_url, TYPE_URL.RDS);
          assert.deepEqual(new Uint8Array(any.value!), new Uint8Array(resources[i]!.bytes));
        });

        const delta = DeltaDiscoveryResponse.decode(
          unframed(deltaResponse(header, encodeDeltaResources("RDS", resources), removed)),
        );
        assert.equal(delta.systemVersionInfo, version);
        assert.equal(delta.nonce, nonce);
        assert.deepEqual(delta.removedResources, removed);
        assert.equal(delta.controlPlane?.identifier, "me");
        delta.resources.forEach((got, i) => {
          assert.equal(got.name, resources[i]!.name);
          assert.equal(got.version, resources[i]!.hash);
          assert.deepEqual(new Uint8Array(got.resource!.value!), new Uint8Array(resources[i]!.bytes));
        });
        assert.equal(delta.resources.length, resources.length);
      },
    ),
  );
});
