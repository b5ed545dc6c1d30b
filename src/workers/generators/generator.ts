// What every generator is: a pure function from a snapshot and a view to resources. Worker threads. Types only.
import type { WantPart } from "../../shared/model/resource.ts";
import type { ProxyView } from "../../shared/model/view.ts";
import type { HostSlice } from "../../shared/names/host-slice.ts";
import type { PushContext } from "../context/push-context.ts";
import type { ResourceSink } from "../encode/resource-sink.ts";

export interface GenerateInput {
  readonly ctx: PushContext;
  readonly view: ProxyView;
  /** Identifies the view, for what contexts remember by it. */
  readonly viewId: string;
  /** Names asked for; null for the whole type. */
  readonly names: readonly string[] | null;
  /** Only this part of a whole type; all of it when undefined. */
  readonly part: WantPart | undefined;
  /** Only some hosts of the shared part; all of them when undefined. */
  readonly slice: HostSlice | undefined;
}

/** Same input, same bytes: no clock, no randomness, no logger, no state but what PushContext remembers. */
export type Generator = (input: GenerateInput, sink: ResourceSink) => void;
