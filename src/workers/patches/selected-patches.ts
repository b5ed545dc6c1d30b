// The patches that a view has, ready to be applied. Worker threads.
import { createRequire } from "node:module";
import type { Networking_EnvoyFilter } from "../../shared/gen/istio.js";
import type { ProxyView } from "../../shared/model/view.ts";
import {
  isAddition,
  type PatchRef,
  type PatchSpec,
  patchesFor,
  patchId,
  sortedFilters,
} from "../../shared/patches/patch-selection.ts";
import { type Re2, versionMatcher } from "../../shared/patches/version-matcher.ts";
import type { PushContext } from "../context/push-context.ts";
import { copy } from "./merge.ts";
import type { Message } from "./message-types.ts";
import { isPatchable, type Patchable, patchValue } from "./patch-value.ts";

export type Operation = NonNullable<NonNullable<PatchSpec["patch"]>["operation"]>;
export type PatchContextName = NonNullable<NonNullable<PatchSpec["match"]>["context"]>;

/** One patch. */
export interface Patch {
  readonly applyTo: Patchable;
  readonly operation: Operation;
  readonly context: PatchContextName;
  readonly match: NonNullable<PatchSpec["match"]>;
  /** `EnvoyFilter/namespace/name` */
  readonly object: string;
  /** What is wrong with it; "" for nothing. */
  readonly problem: string;
  /** False where nothing can be done with it. */
  readonly usable: boolean;
  /** A value of its own for each who takes it. Not for removals. */
  value(): Message;
}

/** Patches in the order in which they apply; the same object for the same patches. */
export interface PatchSet {
  readonly all: readonly Patch[];
  /** Those that apply to a kind of objects. */
  of(applyTo: Patchable): readonly Patch[];
}

/** The patches of a view; undefined where it has none. */
export function selectedPatches(ctx: PushContext, view: ProxyView): PatchSet | undefined {
  if (view.patches?.length === 0 || view.generator !== "envoy") return undefined;
  const filters = ctx.derive("envoy-filters", ["EnvoyFilter", "mesh"], () =>
    sortedFilters(ctx.configs<Networking_EnvoyFilter>("EnvoyFilter"), ctx.mesh.rootNamespace),
  );
  if (filters.length === 0) return undefined;
  const { patches } = view;
  const key = patches
    ? patches.join()
    : JSON.stringify([view.type, view.namespace, view.labels, view.metadata.istioVersion, view.nodeMetadata]);
  return ctx.derive(`patches/${key}`, ["EnvoyFilter", "mesh"], () =>
    patchSet(
      patches ? patches.map((id) => refOf(ctx, id)) : patchesFor(filters, view, ctx.mesh.rootNamespace, matchesVersion),
    ),
  );
}

function refOf(ctx: PushContext, id: string): PatchRef {
  const refs = ctx.derive("patches-by-id", ["EnvoyFilter"], () => {
    const out = new Map<string, PatchRef>();
    for (const filter of ctx.configs<Networking_EnvoyFilter>("EnvoyFilter")) {
      (filter.spec.configPatches ?? []).forEach((spec, index) => {
        const ref = { filter, index, spec };
        out.set(patchId(ref), ref);
      });
    }
    return out;
  });
  const ref = refs.get(id);
  if (!ref) throw new Error(`the snapshot lacks the patch ${id}`);
  return ref;
}

const NONE: readonly Patch[] = [];

/** Sets that are remembered, so that what was patched with one before is found again. */
const MAX_SETS = 1024;
const sets = new Map<string, PatchSet>();

function patchSet(refs: readonly PatchRef[]): PatchSet | undefined {
  const patches = refs.flatMap((ref) => patchOf(ref) ?? []);
  if (patches.length === 0) return undefined;
  const key = refs.map(patchId).join();
  const known = sets.get(key);
  if (known && known.all.length === patches.length && known.all.every((p, i) => p === patches[i])) return known;
  const byKind = new Map<Patchable, Patch[]>();
  for (const patch of patches) {
    if (!patch.usable) continue;
    const list = byKind.get(patch.applyTo);
    if (list) list.push(patch);
    else byKind.set(patch.applyTo, [patch]);
  }
  const set: PatchSet = { all: patches, of: (applyTo) => byKind.get(applyTo) ?? NONE };
  if (sets.size >= MAX_SETS) sets.delete(sets.keys().next().value!);
  sets.set(key, set);
  return set;
}

const known = new WeakMap<PatchSpec, Patch>();

/** The patch; undefined for one that is about something that proxies don't get from here. */
function patchOf({ filter, index, spec }: PatchRef): Patch | undefined {
  const { applyTo } = spec;
  if (!isPatchable(applyTo)) return undefined;
  const object = `EnvoyFilter/${filter.meta.namespace}/${filter.meta.name}`;
  const before = known.get(spec);
  if (before?.object === object) return before;
  const patch = newPatch(object, index, applyTo, spec);
  known.set(spec, patch);
  return patch;
}

function newPatch(object: string, index: number, applyTo: Patchable, spec: PatchSpec): Patch {
  const operation = isAddition(spec) && !PLACED.has(applyTo) ? "ADD" : (spec.patch?.operation ?? "INVALID");
  const json = operation === "REMOVE" ? undefined : spec.patch?.value;
  const { message, problem } = json ? patchValue(applyTo, json) : { message: undefined, problem: "" };
  return {
    applyTo,
    operation,
    context: spec.match?.context ?? "ANY",
    match: spec.match ?? {},
    object,
    problem: problem && `spec.configPatches[${index}].patch.value${problem}`,
    usable: operation === "REMOVE" || message !== undefined,
    value: () => copy(message ?? {}),
  };
}

/** What has its place among others of its kind, so that something can be put before or after it. */
const PLACED: ReadonlySet<Patchable> = new Set<Patchable>([
  "LISTENER_FILTER",
  "NETWORK_FILTER",
  "HTTP_FILTER",
  "HTTP_ROUTE",
]);

const matchesVersion = versionMatcher(() => (createRequire(import.meta.url)("re2js") as { RE2JS: Re2 }).RE2JS);
