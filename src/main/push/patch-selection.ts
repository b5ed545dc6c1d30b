// Which patches of EnvoyFilters count for what sidecars share. Main thread.
import { RE2JS } from "re2js";
import type { RegistryChange } from "../../shared/model/push-request.ts";
import type { PatchId, ProxyView } from "../../shared/model/view.ts";
import {
  askedMetadata,
  type EnvoyFilter,
  type PatchRef,
  patchedTypes,
  patchesFor,
  patchId,
  sharedPatches,
  sortedFilters,
} from "../../shared/patches/patch-selection.ts";
import { versionMatcher } from "../../shared/patches/version-matcher.ts";
import type { XdsType } from "../../shared/xds-types.ts";
import type { Registry } from "../registry/registry.ts";

/** Immutable; another object when other patches are chosen, or in another order. */
export class PatchSelection {
  /** Names in nodes' metadata that some filter asks for. */
  readonly asked: ReadonlySet<string>;
  private readonly filters: readonly EnvoyFilter[];
  private readonly rootNamespace: string;
  private readonly byView = new WeakMap<ProxyView, readonly PatchRef[]>();
  private readonly matchesVersion = versionMatcher(() => RE2JS);

  constructor(filters: readonly EnvoyFilter[], rootNamespace: string) {
    this.filters = filters;
    this.rootNamespace = rootNamespace;
    this.asked = askedMetadata(filters);
  }

  /** The patches that can change what a sidecar shares of a type with others. */
  shared(view: ProxyView, type: XdsType): readonly PatchId[] {
    if (this.filters.length === 0) return [];
    return sharedPatches(this.patchesOf(view), type).map(patchId);
  }

  /** True when some patch can change what a router has of a type. */
  patchesRouter(view: ProxyView, type: XdsType): boolean {
    if (this.filters.length === 0) return false;
    return this.patchesOf(view).some(({ spec }) => patchedTypes(spec, "router").includes(type));
  }

  private patchesOf(view: ProxyView): readonly PatchRef[] {
    let own = this.byView.get(view);
    if (!own) {
      own = patchesFor(this.filters, view, this.rootNamespace, this.matchesVersion);
      this.byView.set(view, own);
    }
    return own;
  }
}

/** Keeps the selection. */
export class PatchIndex {
  private known = new PatchSelection([], "");
  private fingerprint = "[]";

  current(): PatchSelection {
    return this.known;
  }

  /** Looks at the filters again where some have changed, or at everything. */
  update(registry: Registry, change: RegistryChange | undefined): void {
    if (change && ![...change.configs.values()].some(({ kind }) => kind === "EnvoyFilter")) return;
    const { rootNamespace } = registry.mesh;
    const filters = sortedFilters([...registry.objects.all<EnvoyFilter>("EnvoyFilter")], rootNamespace);
    const fingerprint = filters.length === 0 ? "[]" : JSON.stringify([rootNamespace, filters.map(choice)]);
    if (fingerprint === this.fingerprint) return;
    this.fingerprint = fingerprint;
    this.known = new PatchSelection(filters, rootNamespace);
  }
}

/** What of a filter decides about who gets which of its patches. */
function choice({ meta, spec }: EnvoyFilter): unknown {
  const { workloadSelector, targetRefs, configPatches = [] } = spec;
  return [
    meta.namespace,
    meta.name,
    workloadSelector,
    targetRefs,
    configPatches.map(({ applyTo, match, patch }) => [applyTo, match?.context, match?.proxy, patch?.operation]),
  ];
}
