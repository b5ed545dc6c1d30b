// The benchmark's client reads responses without decoding them: messages from chunks, the frame, and what differs.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { commonPrefix, commonSuffix } from "../../bench/client/common-bytes.ts";
import { Contents } from "../../bench/client/contents.ts";
import { messageReader } from "../../bench/client/grpc-stream.ts";
import { deltaRequest, serializedNames, sotwRequest } from "../../bench/client/request-frame.ts";
import { readFrame } from "../../bench/client/response-frame.ts";
import { decodeDeltaRequest, decodeSotwRequest } from "../../src/main/streams/request-wire.ts";
import {
  deltaResponse,
  encodeDeltaResources,
  encodeSotwResources,
  sotwResponse,
} from "../../src/main/streams/response-wire.ts";
import type { EncodedResource } from "../../src/shared/model/resource.ts";
import { TYPE_URL } from "../../src/shared/xds-types.ts";

const HEADER = { type: "EDS", version: "v7", nonce: "n1", controlPlane: new Uint8Array([10, 1, 65]) } as const;

function resource(name: string, size: number): EncodedResource {
  // A load assignment: its name is field 1; field 9 is unknown and passed over.
  const head = Buffer.concat([Buffer.from([0x0a, name.length]), Buffer.from(name)]);
  const rest = Buffer.alloc(size, name);
  const length = [(size & 127) | 128, size >> 7];
  return { name, hash: `hash-${name}`, bytes: Buffer.concat([head, Buffer.from([0x4a, ...length]), rest]) };
}

test("messages are the same however they are cut into chunks", () => {
  const sizes = fc.array(fc.integer({ min: 0, max: 40 }), { maxLength: 6 });
  const cuts = fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 5 });
  fc.assert(
    fc.property(sizes, cuts, (lengths, steps) => {
      const messages = lengths.map((length, index) => Buffer.alloc(length, index + 1));
      const framed = messages.map((message) => {
        const prefix = Buffer.alloc(5);
        prefix.writeUInt32BE(message.length, 1);
        return Buffer.concat([prefix, message]);
      });
      const all = Buffer.concat(framed);
      const got: string[] = [];
      const read = messageReader((bytes) => got.push(bytes.toString("hex")));
      for (let at = 0, turn = 0; at < all.length; turn++) {
        const end = at + steps[turn % steps.length]!;
        read(all.subarray(at, end));
        at = end;
      }
      assert.deepEqual(
        got,
        messages.map((message) => message.toString("hex")),
      );
    }),
  );
});

test("a frame has the header, all resources, and with delta the removed names", () => {
  const resources = [resource("a", 300), resource("b", 300)];
  const sotw = whole(sotwResponse(HEADER, encodeSotwResources("EDS", resources)).frame());
  const frame = readFrame(sotw, "sotw");
  assert.deepEqual([frame.type, frame.version, frame.nonce], ["EDS", "v7", "n1"]);
  assert.ok(frame.resources.equals(Buffer.concat(encodeSotwResources("EDS", resources))));
  const delta = whole(deltaResponse(HEADER, encodeDeltaResources("EDS", resources), ["gone"]).frame());
  assert.deepEqual(readFrame(delta, "delta").removed, ["gone"]);
  assert.ok(readFrame(delta, "delta").resources.equals(Buffer.concat(encodeDeltaResources("EDS", resources))));
});

test("the server understands the client's requests", () => {
  const names = ["a", "b"];
  const fields = { typeUrl: TYPE_URL.EDS, version: "v7", nonce: "n1", names: serializedNames(names) };
  const sotw = decodeSotwRequest(Buffer.concat(sotwRequest(fields)));
  assert.deepEqual([sotw.typeUrl, sotw.versionInfo, sotw.nonce, sotw.names], [TYPE_URL.EDS, "v7", "n1", names]);
  const delta = decodeDeltaRequest(
    Buffer.concat(
      deltaRequest({
        typeUrl: TYPE_URL.EDS,
        nonce: "n1",
        subscribe: names,
        unsubscribe: ["c"],
        initial: [["a", "1"]],
      }),
    ),
  );
  assert.deepEqual([delta.subscribe, delta.unsubscribe, delta.nonce], [names, ["c"], "n1"]);
  assert.deepEqual([...delta.initialVersions], [["a", "1"]]);
});

test("what two buffers have in common is found to the byte", () => {
  const sizes = fc.integer({ min: 0, max: 200_000 });
  fc.assert(
    fc.property(sizes, sizes, sizes, (prefix, suffix, own) => {
      const a = Buffer.concat([
        Buffer.alloc(prefix, 1),
        Buffer.from([2]),
        Buffer.alloc(own, 3),
        Buffer.from([4]),
        Buffer.alloc(suffix, 1),
      ]);
      const b = Buffer.concat([Buffer.alloc(prefix, 1), Buffer.from([5, 6]), Buffer.alloc(suffix, 1)]);
      assert.equal(commonPrefix(a, b), prefix);
      assert.equal(commonSuffix(a, b, Math.min(a.length, b.length) - prefix), suffix);
    }),
    { numRuns: 30 },
  );
});

test("contents are the same whether they are read whole or by what differs", () => {
  const many = (changed: number, tag: string): EncodedResource[] =>
    Array.from({ length: 200 }, (_, i) => resource(i === changed ? `${tag}-${i}` : `same-${i}`, 200));
  for (const mode of ["sotw", "delta"] as const) {
    const encode = mode === "sotw" ? encodeSotwResources : encodeDeltaResources;
    const shared = new Contents("EDS", mode, true);
    for (const [changed, tag] of [
      [-1, ""],
      [0, "first"],
      [100, "middle"],
      [199, "last"],
      [100, "longer-name"],
    ] as const) {
      const bytes = Buffer.concat(encode("EDS", many(changed, tag)));
      const fresh = new Contents("EDS", mode, true).of(bytes);
      const compared = shared.of(bytes);
      assert.deepEqual(compared.items, fresh.items, `${mode} ${tag}`);
      for (const mark of ["same-0", "same-100", "same-199", "first-0", "middle-100", "last-199"].map((t) =>
        Buffer.from(t),
      )) {
        assert.equal(compared.has(mark), bytes.includes(mark), `${mode} ${tag} has ${mark}`);
      }
    }
  }
});

function whole(pieces: readonly Uint8Array[]): Buffer {
  return Buffer.concat(pieces).subarray(5);
}
