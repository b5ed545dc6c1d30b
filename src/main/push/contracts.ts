// The hand-offs between snapshot, plan, generation and streams. Types only; main thread.
import type { PushVersion } from "../../shared/ids.ts";
import type { ProxyIdentity, ProxyViewRef } from "../../shared/model/proxy.ts";
import type { PushRequest } from "../../shared/model/push-request.ts";
import type { ResourceSet, ResourceWant } from "../../shared/model/resource.ts";
import type { XdsType } from "../../shared/xds-types.ts";

/** The main thread's side of a snapshot: immutable; a push holds it until all its streams are served. */
export interface PublishedSnapshot {
  readonly version: PushVersion;
}

/** What of one type may differ for a view after a change: everything, or only the named resources. */
export type AffectedNames = "all" | ReadonlySet<string>;

/** The types that a change can touch for one view. A type that is absent is unaffected. */
export type ViewPlan = ReadonlyMap<XdsType, AffectedNames>;

/** Decides who is touched by a change. Pure lookups over the current snapshot. */
export interface Planner {
  /** The view of a proxy in the current snapshot. Equal views give the same object. */
  viewOf(proxy: ProxyIdentity): ProxyViewRef;
  /** What `request` can change for `view`. Memoised per view and push: cheap to call once per proxy. */
  plan(view: ProxyViewRef, request: PushRequest): ViewPlan;
}

/**
 * Gives generated resources: from the cache, from a generation that is already under way, or from the workers.
 * Equal questions get the same ResourceSet object, so that callers may keep what they derive from it (a response
 * body) in a WeakMap. Sets come in the order of `wants`: at once when all of them are known. Rejects with a MizzenError when
 * generation fails.
 */
export interface ResourceProvider {
  fetch(
    snapshot: PublishedSnapshot,
    view: ProxyViewRef,
    wants: readonly ResourceWant[],
  ): readonly ResourceSet[] | Promise<readonly ResourceSet[]>;
}

/** A new snapshot and what led to it: what the streams get when something changed. */
export interface Publication {
  readonly snapshot: PublishedSnapshot;
  readonly request: PushRequest;
}

/** The current snapshot, for requests that come from a proxy and start at `plan`. */
export interface SnapshotSource {
  current(): PublishedSnapshot;
}
