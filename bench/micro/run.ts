// Single steps of a push, each measured alone with tinybench: snapshots, generation, framing of responses.
//   node dist/bench/micro/run.js [--mesh m100|m1000]
import { parseArgs } from "node:util";
import { Bench } from "tinybench";
import { completeHandle, SnapshotBuilder } from "../../src/main/push/snapshot-builder.ts";
import {
  encodeControlPlane,
  encodeDeltaResources,
  encodeSotwResources,
  sotwResponse,
} from "../../src/main/streams/response-wire.ts";
import type { EncodedResource } from "../../src/shared/model/resource.ts";
import type { ProxyView } from "../../src/shared/model/view.ts";
import type { XdsType } from "../../src/shared/xds-types.ts";
import { SnapshotStore } from "../../src/workers/attach.ts";
import { ResourceSink } from "../../src/workers/encode/resource-sink.ts";
import { GENERATORS } from "../../src/workers/generators/table.ts";
import { loadMesh } from "../lib/loaded-mesh.ts";
import { printTable } from "../lib/table.ts";
import { MESHES } from "../push/scenarios.ts";

const { values } = parseArgs({ options: { mesh: { type: "string", default: "m1000" } } });
const chosen = MESHES.find((mesh) => mesh.name === values.mesh);
if (!chosen) throw new Error(`no mesh ${values.mesh}; there are ${MESHES.map((mesh) => mesh.name).join(", ")}`);

const mesh = await loadMesh(chosen.size);
const store = new SnapshotStore();
store.step(completeHandle(mesh.snapshots.current()));
const view = JSON.parse(mesh.view.json) as ProxyView;
const oneEndpoint = await mesh.changeEndpoint(1);
mesh.close();

function generate(type: XdsType, names: readonly string[] | null): EncodedResource[] {
  const sink = new ResourceSink(mesh.hash, () => undefined);
  GENERATORS[type]({ ctx: store.context(1), view, viewId: mesh.view.id, names, part: undefined }, sink);
  const { names: found, hashes, offsets, bytes } = sink.finish(type);
  return found.map((name, i) => ({ name, hash: hashes[i]!, bytes: bytes.subarray(offsets[i], offsets[i + 1]) }));
}

const clusters = generate("CDS", null);
const endpointNames = clusters.map((one) => one.name).filter((name) => name.startsWith("outbound|"));
const oneName = endpointNames.slice(0, 1);
const one = generate("EDS", oneName);
const controlPlane = encodeControlPlane("bench");
const header = { type: "EDS", version: "2026-01-01T00:00:00Z/1", nonce: "0123456789abcdef", controlPlane } as const;
const oneBody = encodeSotwResources("EDS", one);

const bench = new Bench({ name: chosen.name, time: 500, warmupTime: 100 });
bench
  .add("snapshot of everything", () => void new SnapshotBuilder(mesh.registry).build())
  .add("snapshot after one endpoint", () => void mesh.snapshots.build(oneEndpoint))
  .add("EDS of one service", () => void generate("EDS", oneName))
  .add("EDS of all services", () => void generate("EDS", endpointNames))
  .add("CDS of all services", () => void generate("CDS", null))
  .add("LDS", () => void generate("LDS", null))
  .add("RDS of port 80", () => void generate("RDS", ["80"]))
  .add("body of all clusters, sotw", () => void encodeSotwResources("CDS", clusters))
  .add("body of all clusters, delta", () => void encodeDeltaResources("CDS", clusters))
  .add("response around a body", () => void sotwResponse(header, [oneBody]));
await bench.run();

printTable(
  ["step", "mean ms", "P99 ms", "runs"],
  bench.tasks.map(({ name, result }) =>
    "latency" in result
      ? [name, result.latency.mean.toFixed(4), result.latency.p99.toFixed(4), String(result.latency.samplesCount)]
      : [name, "failed"],
  ),
);
