// Generates what a change of endpoints touches for all facets at once, so that the streams find it. Main thread.
import type { ProxyViewRef } from "../../shared/model/proxy.ts";
import type { Publication, ResourceProvider } from "./contracts.ts";
import type { MeshPlanner } from "./planner.ts";

export interface AheadOptions {
  readonly planner: MeshPlanner;
  readonly provider: ResourceProvider;
  readonly views: () => Iterable<ProxyViewRef>;
}

/** Resolves when it is generated. Rejects when a generator fails. */
export async function generateAhead(publication: Publication, options: AheadOptions): Promise<void> {
  const { planner, provider } = options;
  const { snapshot, request } = publication;
  if (request.change.mesh || request.change.endpoints.size === 0) return;
  const seen = new Set<string>();
  const work: Promise<unknown>[] = [];
  for (const view of options.views()) {
    const names = planner.plan(view, request).get("EDS");
    if (names === undefined || names === "all") continue;
    const facet = planner.facetsOf(view, "EDS")[0]!.ref;
    if (seen.has(facet.id)) continue;
    seen.add(facet.id);
    work.push(Promise.resolve(provider.fetch(snapshot, view, [{ type: "EDS", names: [...names].sort() }])));
  }
  await Promise.all(work);
}
