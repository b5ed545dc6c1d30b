import assert from "node:assert/strict";
import { test } from "node:test";
import { type CpuProfile, flameSvg } from "../../bench/flame/flame-svg.ts";

function node(id: number, functionName: string, children: readonly number[] = [], url = "file:///src/main/a.js") {
  return { id, callFrame: { functionName, url, lineNumber: 9 }, children };
}

const PROFILE: CpuProfile = {
  nodes: [
    node(1, "(root)", [2, 3], ""),
    node(2, "(idle)", [], ""),
    node(3, "work", [4, 5]),
    node(4, "<a>"),
    node(5, "b"),
  ],
  samples: [2, 4, 5, 4, 3],
  timeDeltas: [1_000_000, 1000, 2000, 1000, 4000],
};

test("frames are as wide as what they took, idle time left out", () => {
  const svg = flameSvg(PROFILE, { title: "t" });
  assert.match(svg, /t: 8 ms of work/);
  assert.deepEqual(
    [...svg.matchAll(/<title>(.*?) ([\d.]+) %<\/title><rect x="([\d.]+)" y="\d+" width="([\d.]+)"/g)].map((m) =>
      m.slice(1),
    ),
    [
      ["all", "100.0", "0.0", "1200.0"],
      ["work main/a.js:10", "100.0", "0.0", "1200.0"],
      ["&lt;a&gt; main/a.js:10", "25.0", "0.0", "300.0"],
      ["b main/a.js:10", "25.0", "300.0", "300.0"],
    ],
  );
});

test("what came before a moment is left out", () => {
  const svg = flameSvg(PROFILE, { title: "t", fromSeconds: 1.002 });
  assert.match(svg, /t: 7 ms of work/);
});

test("so is what came after one", () => {
  const svg = flameSvg(PROFILE, { title: "t", fromSeconds: 1.002, toSeconds: 1.0045 });
  assert.match(svg, /t: 3 ms of work/);
});
