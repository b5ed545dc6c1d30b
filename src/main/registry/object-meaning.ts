// What of an object can change what is generated. Main thread, pure.
import { canonicalJson } from "../../shared/canonical-json.ts";
import type { MeshObject } from "../../shared/model/delta.ts";

/** True when two versions of an object differ in nothing that can change what is generated. */
export function sameMeaning(before: MeshObject | undefined, after: MeshObject | undefined): boolean {
  if (!before || !after) return false;
  return meaning(before) === meaning(after);
}

/** True when only what is under `spec` can differ. */
export function sameMetadata(before: MeshObject, after: MeshObject): boolean {
  return canonicalJson(meaningfulMetadata(before)) === canonicalJson(meaningfulMetadata(after));
}

/** Annotations that are read somewhere; all others are for people and tools. */
const MEANINGFUL_ANNOTATION = /(^|\.)istio\.io\/|^traffic\.sidecar/;

function meaning(object: MeshObject): string {
  const { meta: _meta, origin: _origin, ...rest } = object;
  return canonicalJson({ ...rest, ...meaningfulMetadata(object) });
}

function meaningfulMetadata({ meta }: MeshObject): object {
  const annotations = Object.fromEntries(
    Object.entries(meta.annotations).filter(([name]) => MEANINGFUL_ANNOTATION.test(name)),
  );
  return { labels: meta.labels, annotations, created: meta.creationTimestamp };
}
