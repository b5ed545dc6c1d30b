// Steps of the main thread, each measured alone: snapshots, plans, the queue, and responses around shared bodies.
import type { Bench } from "tinybench";
import { SnapshotBuilder } from "../../src/main/push/snapshot-builder.ts";
import { PushQueue, type QueueJob } from "../../src/main/streams/push-queue.ts";
import {
  encodeControlPlane,
  encodeDeltaResources,
  encodeSotwResources,
  sotwResponse,
} from "../../src/main/streams/response-wire.ts";
import type { PushRequest } from "../../src/shared/model/push-request.ts";
import type { EncodedResource } from "../../src/shared/model/resource.ts";
import type { LoadedMesh } from "./loaded-mesh.ts";

export function addMainSteps(
  bench: Bench,
  mesh: LoadedMesh,
  clusters: readonly EncodedResource[],
  one: readonly EncodedResource[],
): void {
  const { registry, snapshots, planner, change, proxies } = mesh;
  const request = (): PushRequest => ({ change, firstChangeMs: 0, lastChangeMs: 0, merged: 1 });
  const controlPlane = encodeControlPlane("bench");
  const header = { type: "EDS", version: "2026-01-01T00:00:00Z/1", nonce: "0123456789abcdef", controlPlane } as const;
  const body = encodeSotwResources("EDS", one);
  let version = 1;
  bench
    .add("snapshot: everything", () => void new SnapshotBuilder(registry).build())
    .add("snapshot: after one endpoint", () => void snapshots.build(change))
    .add(`plan: one endpoint, ${proxies.length} proxies`, () => {
      planner.advance(++version, change);
      const push = request();
      for (const proxy of proxies) planner.plan(planner.viewOf(proxy), push);
    })
    .add("queue: 1,000 jobs", () => serveAll(1000))
    .add("response: body of all clusters, sotw", () => void encodeSotwResources("CDS", clusters))
    .add("response: body of all clusters, delta", () => void encodeDeltaResources("CDS", clusters))
    .add("response: frame around a body", () => void sotwResponse(header, body).frame());
}

function serveAll(count: number): Promise<void> {
  const failed: unknown[] = [];
  const options = { limit: 100, now: () => performance.now(), onError: (error: unknown) => failed.push(error) };
  const queue = new PushQueue(options);
  const job = (): QueueJob => ({ serve: () => Promise.resolve(), serveUrgent: () => undefined, isNew: false });
  for (let i = 0; i < count; i++) queue.add(job());
  return queue.whenIdle().then(() => {
    if (failed.length > 0) throw failed[0];
  });
}
