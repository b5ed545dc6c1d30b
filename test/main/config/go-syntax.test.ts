// Values as Go writes them: each row is a text and what it means, or undefined.
import assert from "node:assert/strict";
import { it } from "node:test";
import { parseGoBool, parseGoFloat, parseGoInt } from "../../../src/main/config/go-syntax.ts";
import { formatSeconds, parseGoDuration, parseGoDurationNanos } from "../../../src/shared/go-duration.ts";

const DURATIONS: readonly (readonly [string, number | undefined])[] = [
  ["0", 0],
  ["0s", 0],
  ["100ms", 100],
  ["1.5s", 1500],
  [".5s", 500],
  ["1.s", 1000],
  ["1h30m", 5_400_000],
  ["-1s", -1000],
  ["1us", 0.001],
  ["1µs", 0.001],
  ["", undefined],
  ["1", undefined],
  ["s", undefined],
  [".s", undefined],
  ["1 s", undefined],
  ["1d", undefined],
  ["9999999h", undefined],
];

it("reads durations", () => {
  for (const [text, ms] of DURATIONS) assert.equal(parseGoDuration(text), ms, text);
});

it("writes durations in seconds, with no more decimals than needed", () => {
  for (const [text, seconds] of [
    ["1h", "3600s"],
    ["100ms", "0.1s"],
    ["1ns", "0.000000001s"],
    ["-1.5s", "-1.5s"],
    ["0", "0s"],
  ] as const) {
    assert.equal(formatSeconds(parseGoDurationNanos(text)!), seconds);
  }
});

it("reads booleans, integers and numbers", () => {
  for (const text of ["1", "t", "T", "true", "TRUE", "True"]) assert.equal(parseGoBool(text), true);
  for (const text of ["0", "f", "F", "false", "FALSE", "False"]) assert.equal(parseGoBool(text), false);
  for (const text of ["", "yes", "on", "toString"]) assert.equal(parseGoBool(text), undefined);
  assert.equal(parseGoInt("-12"), -12);
  assert.equal(parseGoInt("1.5"), undefined);
  assert.equal(parseGoFloat("1e2"), 100);
  assert.equal(parseGoFloat("NaN"), undefined);
});
