// The facets that the planner knows, each with the push version that last affected it. Main thread.
import { LRUCache } from "lru-cache";
import { partKey } from "../../shared/model/resource.ts";
import type { ProxyView } from "../../shared/model/view.ts";
import type { XdsType } from "../../shared/xds-types.ts";
import type { MadeFacet } from "./view-facets.ts";

/** What is known of a facet, or of one of its slices. */
export interface FacetState extends MadeFacet {
  readonly type: XdsType;
  /** Push version that last affected all of it. */
  affected: number;
  readonly group: FacetGroup;
}

/** The slices of one facet: changes that are not for its proxies touch none of them. */
export interface FacetGroup {
  readonly type: XdsType;
  readonly proxy: ProxyView;
  /** True when other views may have the same facet. */
  readonly shared: boolean;
  readonly slices: Map<string, FacetState>;
  /** True when changes aren't noted here any more. */
  dropped: boolean;
}

/** Facets remembered after their last proxy is gone, so that a reconnect finds its cache entries. */
const MAX_FACETS = 20_000;

export class FacetStore {
  private readonly groups = new LRUCache<string, FacetGroup>({
    max: MAX_FACETS,
    dispose: (group) => {
      group.dropped = true;
    },
  });

  all(): Iterable<FacetGroup> {
    return this.groups.values();
  }

  /** The state of a facet; of one that isn't known, as affected by `version`. */
  state(type: XdsType, made: MadeFacet, version: number): FacetState {
    const { ref, part = "", proxy, shared } = made;
    const key = `${type}|${part}|${ref.id}|${ref.plain === true}`;
    let group = this.groups.get(key);
    if (!group) {
      group = { type, proxy, shared, slices: new Map(), dropped: false };
      this.groups.set(key, group);
    }
    const slice = partKey(made);
    let state = group.slices.get(slice);
    if (!state) {
      state = { ...made, type, affected: version, group };
      group.slices.set(slice, state);
    }
    return state;
  }
}

/** True when some of the states say nothing any more. */
export function areDropped(states: readonly FacetState[]): boolean {
  for (const { group } of states) if (group.dropped) return true;
  return false;
}
