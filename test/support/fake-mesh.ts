// A mesh without workers: tests say which resources exist, and what each change touches.
import { createHash } from "node:crypto";
import type {
  AffectedNames,
  Planner,
  Publication,
  PublishedSnapshot,
  ResourceProvider,
  SnapshotSource,
} from "../../src/main/push/contracts.ts";
import { pushVersion, viewId } from "../../src/shared/ids.ts";
import type { ProxyIdentity, ProxyViewRef } from "../../src/shared/model/proxy.ts";
import type { PushRequest } from "../../src/shared/model/push-request.ts";
import type { EncodedResource, ResourceSet, ResourceWant } from "../../src/shared/model/resource.ts";
import { PUSH_ORDER, type XdsType } from "../../src/shared/xds-types.ts";
import { NO_CHANGE } from "./changes.ts";

/** Contents by type and name. */
export type Contents = Partial<Record<XdsType, Readonly<Record<string, string>>>>;

/** Planner, provider and snapshots in one, for one view unless told otherwise. */
export class FakeMesh implements Planner, ResourceProvider, SnapshotSource {
  readonly asked: { version: number; view: string; wants: readonly ResourceWant[] }[] = [];
  /** The view of each proxy, by its id. */
  readonly views = new Map<string, string>();
  /** True: each generation takes a turn of the event loop, in which other things happen. */
  slow = false;
  /** Types whose generation fails. */
  readonly failing = new Set<XdsType>();
  private readonly contents = new Map<number, Contents>();
  private readonly plans = new WeakMap<PushRequest, Contents | "all">();
  private readonly sets = new Map<string, ResourceSet>();
  private snapshot: PublishedSnapshot = { version: pushVersion(1) };
  private gate: Promise<void> | undefined;

  constructor(contents: Contents) {
    this.contents.set(1, contents);
  }

  /** The next snapshot: `touched` replaces the resources of the types in it, and they are what the push may change. */
  publish(touched: Contents): Publication {
    const version = pushVersion(this.snapshot.version + 1);
    this.contents.set(version, { ...this.contents.get(this.snapshot.version), ...touched });
    this.snapshot = { version };
    const request: PushRequest = { change: NO_CHANGE, firstChangeMs: 0, lastChangeMs: 0, merged: 1 };
    this.plans.set(request, touched);
    return { snapshot: this.snapshot, request };
  }

  /** As `publish`, but the plan names only those resources of a type that differ. */
  publishPrecisely(touched: Contents): Publication {
    const before = this.contents.get(this.snapshot.version) ?? {};
    const publication = this.publish(touched);
    const differing: Record<string, Record<string, string>> = {};
    for (const [type, resources] of Object.entries(touched)) {
      const old = before[type as XdsType] ?? {};
      const names = new Set([...Object.keys(old), ...Object.keys(resources)]);
      differing[type] = Object.fromEntries(
        [...names].filter((name) => old[name] !== resources[name]).map((name) => [name, ""]),
      );
    }
    this.precise.set(publication.request, differing);
    return publication;
  }
  private readonly precise = new WeakMap<PushRequest, Contents>();

  /** Generation waits until the function is called. */
  holdGeneration(): () => void {
    let open = (): void => undefined;
    this.gate = new Promise((resolve) => {
      open = resolve;
    });
    return () => {
      this.gate = undefined;
      open();
    };
  }

  current(): PublishedSnapshot {
    return this.snapshot;
  }

  viewOf(proxy: ProxyIdentity): ProxyViewRef {
    const id = this.views.get(proxy.id) ?? "view";
    return { id: viewId(id), json: `{"id":"${id}"}` };
  }

  plan(_view: ProxyViewRef, request: PushRequest): ReadonlyMap<XdsType, AffectedNames> {
    const precise = this.precise.get(request);
    if (precise) {
      return new Map(Object.entries(precise).map(([t, names]) => [t as XdsType, new Set(Object.keys(names))]));
    }
    const touched = this.plans.get(request);
    if (touched === "all" || touched === undefined) return new Map(PUSH_ORDER.map((type) => [type, "all"]));
    return new Map(Object.keys(touched).map((type) => [type as XdsType, "all"]));
  }

  async fetch(
    snapshot: PublishedSnapshot,
    view: ProxyViewRef,
    wants: readonly ResourceWant[],
  ): Promise<readonly ResourceSet[]> {
    this.asked.push({ version: snapshot.version, view: view.id, wants });
    if (this.gate) await this.gate;
    if (this.slow) await new Promise((resolve) => setImmediate(resolve));
    return wants.map((want) => {
      if (this.failing.has(want.type)) throw new Error(`generation of ${want.type} fails`);
      return this.setOf(snapshot.version, view.id, want);
    });
  }

  /** Equal questions get the same object as long as the content is the same, as from the real provider. */
  private setOf(version: number, view: string, want: ResourceWant): ResourceSet {
    const all = this.contents.get(version)?.[want.type] ?? {};
    const names = (want.names ?? Object.keys(all)).filter((name) => all[name] !== undefined);
    const content = names.map((name) => `${name}=${all[name]}`).join(",");
    const key = `${view}|${want.type}|${want.names?.join(",") ?? "*"}|${content}`;
    let set = this.sets.get(key);
    if (!set) {
      set = { type: want.type, resources: names.map((name) => encode(name, all[name]!)) };
      this.sets.set(key, set);
    }
    return set;
  }
}

/** A message whose field 1 is the name and field 3 the content; a content of `eds…` makes it a cluster that uses EDS. */
function encode(name: string, content: string): EncodedResource {
  const field = (tag: number, text: string): Buffer => {
    const bytes = Buffer.from(text);
    return Buffer.concat([Buffer.from([tag, bytes.length]), bytes]);
  };
  const type = content.startsWith("eds") ? Buffer.from([16, 3]) : Buffer.alloc(0);
  const bytes = Buffer.concat([field(10, name), type, field(26, content)]);
  return { name, bytes, hash: createHash("sha1").update(bytes).digest("hex").slice(0, 16) };
}

/** The hash that the mesh gives a resource. */
export function hashOf(name: string, content: string): string {
  return encode(name, content).hash;
}
