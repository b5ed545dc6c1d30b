// Generates for a proxy that isn't there, before any other one comes: code that runs for the first time is ten times as slow, and
// what is made of a service once is there for all. Worker threads.
import type { ProxyView } from "../shared/model/view.ts";
import { parseSubsetKey } from "../shared/names/cluster-name.ts";
import { MAX_SLICES } from "../shared/names/host-slice.ts";
import type { XdsType } from "../shared/xds-types.ts";
import type { PushContext } from "./context/push-context.ts";
import { type HashBytes, ResourceSink } from "./encode/resource-sink.ts";
import type { GenerateInput } from "./generators/generator.ts";
import { GENERATORS } from "./generators/table.ts";
import { loadMessageTypes } from "./patches/message-types.ts";

/** Ports whose routes are made. */
const MAX_PORTS = 4;
/** What is a workload's own has no slices: it is made with every so many of them. */
const OWN_EVERY = 4;

/** Makes some of all types, slice by slice, until it took the time that it may, or everything is made. */
export function rehearse(ctx: PushContext, view: ProxyView, viewId: string, hash: HashBytes, budgetMs: number): void {
  const end = performance.now() + budgetMs;
  const make = (type: XdsType, what: Partial<GenerateInput>): readonly string[] => {
    const sink = new ResourceSink(hash, () => undefined);
    GENERATORS[type]({ ctx, view, viewId, names: null, part: undefined, slice: undefined, ...what }, sink);
    return sink.finish(type).names;
  };
  if (ctx.configs("EnvoyFilter").length > 0) loadMessageTypes();
  const ports = new Set<number>();
  for (let index = 0; index < MAX_SLICES && performance.now() < end; index++) {
    const slice = { index, of: MAX_SLICES };
    const clusters = make("CDS", { part: "shared", slice }).filter((name) => name.startsWith("outbound|"));
    make("EDS", { names: clusters });
    for (const name of clusters) if (ports.size < MAX_PORTS) ports.add(parseSubsetKey(name)!.port);
    make("RDS", { names: [...ports].map(String), slice });
    make("LDS", { part: "shared", slice });
    if (index % OWN_EVERY > 0) continue;
    make("CDS", { part: "own" });
    make("LDS", { part: "own" });
  }
}
