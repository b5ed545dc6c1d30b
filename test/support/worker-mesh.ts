// A mesh of YAML or of objects, generated from without threads or streams: the source's conversion, the registry, the
// snapshot, and a worker's indices over it.

import assert from "node:assert/strict";
import xxhash from "xxhash-wasm";
import { parseFeatures } from "../../src/main/config/features.ts";
import { mergeMeshConfig, parseMeshConfig } from "../../src/main/config/mesh-config.ts";
import { defaultMeshSettings, headerVariables } from "../../src/main/config/mesh-settings.ts";
import { parseYaml, splitDocuments } from "../../src/main/config/yaml-documents.ts";
import { buildView, type PlannedView } from "../../src/main/push/proxy-view.ts";
import { RelevanceIndex } from "../../src/main/push/relevance.ts";
import { completeHandle, SnapshotBuilder } from "../../src/main/push/snapshot-builder.ts";
import { facetsOf, type MadeFacet, routeSlicesOf } from "../../src/main/push/view-facets.ts";
import { Registry } from "../../src/main/registry/registry.ts";
import { convertDocument } from "../../src/main/sources/convert/convert-document.ts";
import { identityOf } from "../../src/main/streams/proxy-identity.ts";
import { loadDescriptors } from "../../src/main/validation/structural/descriptors.ts";
import { createValidator } from "../../src/main/validation/validate-object.ts";
import type { MeshObject } from "../../src/shared/model/delta.ts";
import type { MeshSettings } from "../../src/shared/model/mesh.ts";
import type { NodeInfo } from "../../src/shared/model/proxy.ts";
import type { RegistryChange } from "../../src/shared/model/push-request.ts";
import type { WantPart } from "../../src/shared/model/resource.ts";
import type { ProxyView } from "../../src/shared/model/view.ts";
import type { HostSlice } from "../../src/shared/names/host-slice.ts";
import { resourceBytes } from "../../src/shared/protocol/generated-bytes.ts";
import type { XdsType } from "../../src/shared/xds-types.ts";
import { SnapshotStore } from "../../src/workers/attach.ts";
import type { PushContext } from "../../src/workers/context/push-context.ts";
import { ResourceSink } from "../../src/workers/encode/resource-sink.ts";
import { GENERATORS } from "../../src/workers/generators/table.ts";

const { h64, h64Raw } = await xxhash();
const hashText = (text: string): string => h64(text).toString(16).padStart(16, "0");
/** As workers hash resources. */
export const hashBytes = (bytes: Uint8Array): string => h64Raw(bytes).toString(16).padStart(16, "0");

const descriptors = loadDescriptors();

/** What a proxy says of itself; a sidecar of Istio's build in `default` unless told otherwise. */
export interface ProxySpec {
  readonly type?: "sidecar" | "router";
  readonly ip?: string;
  readonly namespace?: string;
  readonly labels?: Readonly<Record<string, string>>;
  /** `region/zone/subzone` */
  readonly locality?: string;
  /** False for an upstream Envoy. */
  readonly istio?: boolean;
  readonly metadata?: Readonly<Record<string, unknown>>;
}

/** Resources by name, in the order in which they were generated. */
export type Resources = ReadonlyMap<string, Uint8Array>;

/** The objects of a YAML text, or of raw documents. Throws what a source would reject. */
export function objectsOf(
  source: string | readonly unknown[],
  env: Readonly<Record<string, string>> = {},
): MeshObject[] {
  const validate = createValidator({ descriptors, features: parseFeatures(env).features });
  return documentsOf(source).flatMap((raw) =>
    convertDocument(raw, { source: "test" }, validate).flatMap((item): MeshObject[] => {
      if (item.outcome === "rejected") throw new Error(item.errors.map((e) => `${e.field}: ${e.reason}`).join("\n"));
      return item.outcome === "object" ? [item.object] : [];
    }),
  );
}

function documentsOf(source: string | readonly unknown[]): readonly unknown[] {
  if (typeof source !== "string") return source;
  return splitDocuments(source).map((document) => {
    const parsed = parseYaml(document);
    if (!parsed.ok) throw new Error(`line ${parsed.line}: ${parsed.reason}`);
    return parsed.value;
  });
}

/** Settings of a mesh, from the text of a MeshConfig file and istiod's environment variables. */
export function meshSettings(meshConfig = "", env: Readonly<Record<string, string>> = {}): MeshSettings {
  const base = defaultMeshSettings({
    features: parseFeatures(env).features,
    environment: {},
    podNamespace: "istio-system",
    domainSuffix: "cluster.local",
    clusterId: "Kubernetes",
  });
  const given = parseMeshConfig(meshConfig, "mesh.yaml", descriptors);
  return { ...base, mesh: mergeMeshConfig(given), environment: headerVariables(given, env) };
}

/** The view of a proxy in a registry. */
export function viewIn(registry: Registry, spec: ProxySpec, asked?: ReadonlySet<string>): PlannedView {
  return buildView(identityOf(nodeOf(spec)), registry, hashText, asked);
}

function nodeOf(spec: ProxySpec): NodeInfo {
  const { type = "sidecar", ip = "10.0.0.1", namespace = "default", labels = {}, istio = true } = spec;
  const [region = "", zone = "", subZone = ""] = (spec.locality ?? "").split("/");
  return {
    id: `${type}~${ip}~proxy.${namespace}~${namespace}.svc.cluster.local`,
    cluster: "proxy",
    metadata: {
      CLUSTER_ID: "Kubernetes",
      ...(istio ? { ISTIO_VERSION: "1.32.0" } : {}),
      NAMESPACE: namespace,
      LABELS: labels,
      ...spec.metadata,
    },
    locality: { region, zone, subZone },
    extensions: istio ? null : new Set(["envoy.filters.http.router"]),
    userAgentName: "envoy",
  };
}

/** A mesh that changes in steps, with one worker that follows them. */
export class WorkerMesh {
  readonly registry: Registry;
  readonly store = new SnapshotStore();
  private readonly builder: SnapshotBuilder;
  private readonly relevance = new RelevanceIndex(() => 4);

  constructor(objects: readonly MeshObject[] = [], settings: MeshSettings = meshSettings()) {
    this.registry = new Registry(settings);
    this.registry.apply({ upserts: objects, deletes: [] });
    this.builder = new SnapshotBuilder(this.registry);
    this.publish(undefined);
  }

  /** A mesh of YAML text. */
  static of(yaml: string, settings?: MeshSettings): WorkerMesh {
    return new WorkerMesh(objectsOf(yaml), settings);
  }

  /** Adds or replaces objects, and removes others, in one step. */
  apply(upserts: readonly MeshObject[], deletes: readonly MeshObject[] = []): void {
    const keys = deletes.map((o) => ({ kind: o.kind, namespace: o.meta.namespace, name: o.meta.name }));
    this.publish(this.registry.apply({ upserts, deletes: keys }));
  }

  setMesh(settings: MeshSettings): void {
    this.publish(this.registry.setMesh(settings));
  }

  private publish(change: RegistryChange | undefined): void {
    this.store.step(this.builder.build(change).step);
    this.relevance.update(this.registry, change?.mesh ? undefined : change);
  }

  /** The worker's indices over the newest snapshot. */
  context(): PushContext {
    return this.store.context(this.builder.current().version);
  }

  /** Indices over the same mesh that share nothing with any others, not even decoded records. */
  isolated(): PushContext {
    const snapshot = new SnapshotBuilder(this.registry).build();
    const store = new SnapshotStore();
    store.step(completeHandle(snapshot));
    return store.context(snapshot.version);
  }

  view(spec: ProxySpec = {}): PlannedView {
    return viewIn(this.registry, spec, this.relevance.current().patches.asked);
  }

  /** What one proxy gets. `names` are for types that are asked for by name. */
  generate(spec: ProxySpec, type: XdsType, names: readonly string[] | null = null): Resources {
    return generateFor(this.context(), this.view(spec), type, names).resources;
  }

  /** What one proxy gets by way of the facets of its view, as the main thread asks for it; route configurations slice by slice. */
  generateByFacets(spec: ProxySpec, type: XdsType, names: readonly string[] | null): Resources {
    const planned = this.view(spec);
    const out = new Map<string, Uint8Array>();
    const add = (name: string, bytes: Uint8Array): void => {
      assert.ok(!out.has(name), `${type} ${name} stands in two parts`);
      out.set(name, bytes);
    };
    const whole: string[] = [];
    for (const name of names ?? []) {
      const slices = type === "RDS" ? routeSlicesOf(planned, name, this.relevance.current(), hashText) : undefined;
      if (!slices) {
        whole.push(name);
        continue;
      }
      const pieces = slices.flatMap((slice) => [...this.generateFacet(slice, type, [name]).values()]);
      if (pieces.length > 0) add(name, Buffer.concat(pieces));
    }
    if (names && whole.length === 0) return out;
    for (const facet of facetsOf(planned, type, this.relevance.current(), hashText)) {
      for (const [name, bytes] of this.generateFacet(facet, type, names && whole)) add(name, bytes);
    }
    return out;
  }

  private generateFacet({ ref, part, slice }: MadeFacet, type: XdsType, names: readonly string[] | null): Resources {
    const view = JSON.parse(ref.json) as ProxyView;
    const planned = { id: ref.id, view: ref.plain ? { ...view, sightNamespace: "" } : view };
    return generateFor(this.context(), planned, type, names, part, slice).resources;
  }
}

/** Runs a generator, as a worker does. */
export function generateFor(
  ctx: PushContext,
  { id, view }: Pick<PlannedView, "id" | "view">,
  type: XdsType,
  names: readonly string[] | null,
  part?: WantPart,
  slice?: HostSlice,
): { readonly resources: Resources; readonly warnings: readonly string[] } {
  const warnings: string[] = [];
  const sink = new ResourceSink(hashBytes, (object, reason) => warnings.push(`${object}: ${reason}`));
  GENERATORS[type]({ ctx, view, viewId: id, names, part, slice }, sink);
  const set = sink.finish(type);
  const resources = new Map<string, Uint8Array>();
  set.names.forEach((name, i) => {
    assert.ok(!resources.has(name), `${type} ${name} is generated twice`);
    const bytes = resourceBytes(set, i);
    assert.equal(set.hashes[i], hashBytes(bytes), `hash of ${type} ${name}`);
    resources.set(name, bytes);
  });
  return { resources, warnings };
}
