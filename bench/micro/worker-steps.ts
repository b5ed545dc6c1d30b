// Steps of a worker, each measured alone: taking up snapshots, the generators, serializing, joining and hashing.

import type { Bench } from "tinybench";
import { envoy } from "../../src/shared/gen/envoy.js";
import type { EncodedResource } from "../../src/shared/model/resource.ts";
import type { ProxyView } from "../../src/shared/model/view.ts";
import { resourceBytes } from "../../src/shared/protocol/generated-bytes.ts";
import type { XdsType } from "../../src/shared/xds-types.ts";
import { SnapshotStore } from "../../src/workers/attach.ts";
import type { PushContext } from "../../src/workers/context/push-context.ts";
import { joinRepeated } from "../../src/workers/encode/join.ts";
import { ResourceSink } from "../../src/workers/encode/resource-sink.ts";
import { GENERATORS } from "../../src/workers/generators/table.ts";
import type { LoadedMesh } from "./loaded-mesh.ts";

const { ClusterLoadAssignment, LbEndpoint, LocalityLbEndpoints } = envoy.config.endpoint.v3;
const ENDPOINTS = 100;
const LB_ENDPOINTS_FIELD = 2;
const MIB = 1 << 20;

/** All resources of a type, or those of some names, as the mesh's one view gets them. */
export function generate(
  mesh: LoadedMesh,
  ctx: PushContext,
  type: XdsType,
  names: readonly string[] | null,
): EncodedResource[] {
  const view = JSON.parse(mesh.view.json) as ProxyView;
  const sink = new ResourceSink(mesh.hash, () => undefined);
  GENERATORS[type]({ ctx, view, viewId: mesh.view.id, names, part: undefined, slice: undefined }, sink);
  const set = sink.finish(type);
  return set.names.map((name, i) => ({ name, hash: set.hashes[i]!, bytes: resourceBytes(set, i) }));
}

/** A context over the first snapshot that has nothing made yet. */
export function freshContext({ complete }: LoadedMesh): PushContext {
  return attached(complete).context(complete.version);
}

export function addWorkerSteps(bench: Bench, mesh: LoadedMesh, endpointNames: readonly string[]): void {
  const { complete, step } = mesh;
  let store = attached(complete);
  bench
    .add("attach: the first snapshot", () => void attached(complete).context(complete.version))
    .add(
      "attach: the next one, one endpoint",
      () => {
        store.step(step);
        store.context(step.version);
      },
      {
        beforeEach() {
          store = attached(complete);
          store.context(complete.version);
        },
      },
    );
  const wants: readonly (readonly [string, XdsType, readonly string[] | null])[] = [
    ["CDS, all", "CDS", null],
    ["EDS, all", "EDS", endpointNames],
    ["EDS, one service", "EDS", endpointNames.slice(0, 1)],
    ["LDS, all", "LDS", null],
    ["RDS, port 80", "RDS", ["80"]],
    ["NDS", "NDS", null],
  ];
  for (const [what, type, names] of wants) {
    let ctx = freshContext(mesh);
    const renew = {
      beforeEach: () => {
        ctx = freshContext(mesh);
      },
    };
    bench.add(`${what}: first`, () => void generate(mesh, ctx, type, names), renew);
    const used = freshContext(mesh);
    bench.add(`${what}: again`, () => void generate(mesh, used, type, names));
  }
  addEncoding(bench, mesh);
}

function addEncoding(bench: Bench, { hash }: LoadedMesh): void {
  const endpoints = Array.from({ length: ENDPOINTS }, (_, i) => ({
    endpoint: { address: { socketAddress: { address: `10.1.${i >> 8}.${i & 255}`, portValue: 8080 } } },
    loadBalancingWeight: { value: 1 },
  }));
  const locality = { locality: { region: "region-1", zone: "zone-1" } };
  const parts = endpoints.map((endpoint) => LbEndpoint.encode(endpoint).finish());
  const megabyte = Buffer.alloc(MIB, "resource");
  bench
    .add(`encode: an assignment of ${ENDPOINTS} endpoints`, () => {
      ClusterLoadAssignment.encode({
        clusterName: "outbound|80||a.b",
        endpoints: [{ ...locality, lbEndpoints: endpoints }],
      }).finish();
    })
    .add(`join: a locality of ${ENDPOINTS} serialized endpoints`, () => {
      joinRepeated(LocalityLbEndpoints, locality, LB_ENDPOINTS_FIELD, parts);
    })
    .add("hash: 1 KiB", () => void hash(megabyte.subarray(0, 1024)))
    .add("hash: 1 MiB", () => void hash(megabyte));
}

function attached(complete: LoadedMesh["complete"]): SnapshotStore {
  const store = new SnapshotStore();
  store.step(complete);
  return store;
}
