// Messages come out as they went in, however the bytes were cut.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { FrameReader } from "../../../src/main/streams/frame-reader.ts";

interface Read {
  readonly text: string;
  readonly compressed: boolean;
}

function frame(message: Buffer, flag = 0): Buffer {
  const prefix = Buffer.alloc(5);
  prefix[0] = flag;
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

function readerInto(out: Read[], maxBytes = 1_000_000): FrameReader {
  return new FrameReader(maxBytes, (message, compressed) => out.push({ text: message.toString("hex"), compressed }));
}

test("any messages, cut anywhere", () => {
  const message = fc.oneof(
    fc.uint8Array({ maxLength: 12 }),
    // More than what is put together in the shared buffer.
    fc.integer({ min: 250_000, max: 300_000 }).map((size) => new Uint8Array(size).fill(size % 251)),
  );
  fc.assert(
    fc.property(
      fc.array(fc.tuple(message, fc.integer({ min: 0, max: 1 })), { maxLength: 5 }),
      fc.array(fc.integer({ min: 1, max: 70_000 }), { minLength: 1 }),
      (messages, cuts) => {
        const bytes = Buffer.concat(messages.map(([content, flag]) => frame(Buffer.from(content), flag)));
        const out: Read[] = [];
        const reader = readerInto(out);
        for (let at = 0, i = 0; at < bytes.length; i++) {
          const size = bytes.length < 200 ? (cuts[i % cuts.length]! % 4) + 1 : cuts[i % cuts.length]!;
          reader.push(bytes.subarray(at, at + size));
          at += size;
        }
        assert.deepEqual(
          out,
          messages.map(([content, flag]) => ({
            text: Buffer.from(content).toString("hex"),
            compressed: flag === 1,
          })),
        );
      },
    ),
    { numRuns: 50 },
  );
});

test("two streams whose messages come in turns don't mix", () => {
  const out: Read[] = [];
  const [one, two] = [readerInto(out), readerInto(out)];
  const [a, b] = [frame(Buffer.from("aaaaaaaa")), frame(Buffer.from("bbbbbbbb"))];
  one.push(a.subarray(0, 7));
  two.push(b.subarray(0, 9));
  one.push(a.subarray(7));
  two.push(b.subarray(9));
  assert.deepEqual(
    out.map(({ text }) => Buffer.from(text, "hex").toString()),
    ["aaaaaaaa", "bbbbbbbb"],
  );
});

test("a message that is too long is refused by its prefix, and nothing comes after it", () => {
  const out: Read[] = [];
  const reader = readerInto(out, 10);
  assert.throws(() => reader.push(frame(Buffer.alloc(11)).subarray(0, 5)), {
    code: "MIZZEN_ERR_TOO_LARGE",
    message: "a message of 11 bytes; 10 are allowed",
  });
  reader.push(frame(Buffer.from("x")));
  assert.deepEqual(out, []);
});

test("a reader that is stopped by a message reads no more of the same chunk", () => {
  const out: string[] = [];
  const reader: FrameReader = new FrameReader(100, (message) => {
    out.push(message.toString());
    reader.stop();
  });
  reader.push(Buffer.concat([frame(Buffer.from("one")), frame(Buffer.from("two"))]));
  assert.deepEqual(out, ["one"]);
});
