// Turns one parsed document into records: lists unrolled, Istio's kinds validated, Kubernetes' kinds reduced. Main thread.
import type { ObjectKey, ObjectMeta, Origin } from "../../../shared/model/config.ts";
import type { MeshObject } from "../../../shared/model/delta.ts";
import type { KubeObject } from "../../../shared/model/kube.ts";
import { ISTIO_GROUPS, splitApiVersion } from "../../validation/istio-kinds.ts";
import { type FieldError, isObject } from "../../validation/structural/json.ts";
import type { ValidateObject } from "../../validation/validate-object.ts";
import { convertEndpointSlice, convertEndpoints, convertService } from "./kube-services.ts";
import { convertConfigMap, convertNode, convertPod, convertSecret } from "./kube-workloads.ts";
import { DEFAULT_NAMESPACE, readObjectMeta } from "./object-meta.ts";
import { type RawObject, rawObject } from "./raw-fields.ts";

/** What became of one object of a document. */
export type Converted =
  | {
      readonly outcome: "object";
      readonly object: MeshObject;
      readonly warnings: readonly string[];
      readonly path: string;
    }
  | {
      readonly outcome: "rejected";
      /** Absent where the document doesn't say what it is. */
      readonly key?: ObjectKey;
      readonly errors: readonly FieldError[];
      /** Where the object stands in its document: "" or such as `items[2]`. */
      readonly path: string;
    }
  /** Nothing that a mesh needs, such as a Deployment. */
  | { readonly outcome: "skipped"; readonly what: string };

type KubeConverter = (raw: RawObject, meta: ObjectMeta, origin: Origin) => KubeObject | KubeObject[];

interface KubeKind {
  readonly group: string;
  readonly scope: "namespaced" | "cluster";
  readonly convert: KubeConverter;
}

const KUBE_KINDS: Readonly<Record<string, KubeKind>> = {
  Namespace: {
    group: "",
    scope: "cluster",
    convert: (_raw, meta, origin) => ({ kind: "Namespace", meta, origin }),
  },
  Node: { group: "", scope: "cluster", convert: convertNode },
  Service: { group: "", scope: "namespaced", convert: convertService },
  Endpoints: { group: "", scope: "namespaced", convert: convertEndpoints },
  EndpointSlice: { group: "discovery.k8s.io", scope: "namespaced", convert: convertEndpointSlice },
  Pod: { group: "", scope: "namespaced", convert: convertPod },
  Secret: { group: "", scope: "namespaced", convert: convertSecret },
  ConfigMap: { group: "", scope: "namespaced", convert: convertConfigMap },
};

/** Converts a document; an empty one gives nothing. */
export function convertDocument(raw: unknown, origin: Origin, validate: ValidateObject): Converted[] {
  if (raw === null || raw === undefined) return [];
  return convertOne(raw, "", origin, validate);
}

function convertOne(raw: unknown, path: string, origin: Origin, validate: ValidateObject): Converted[] {
  if (!isObject(raw)) return rejected(path, [{ field: "", reason: "must be an object with apiVersion and kind" }]);
  const { kind, apiVersion } = raw;
  if (typeof kind !== "string" || kind === "" || typeof apiVersion !== "string" || apiVersion === "") {
    const field = typeof kind !== "string" || kind === "" ? "kind" : "apiVersion";
    return rejected(path, [{ field, reason: "is required" }]);
  }
  if (kind.endsWith("List") && Array.isArray(raw.items)) {
    return unrollList(kind, apiVersion, raw.items as unknown[], path, origin, validate);
  }
  const { group } = splitApiVersion(apiVersion);
  if (ISTIO_GROUPS.has(group)) return [convertIstio(raw, kind, path, origin, validate)];
  const kube = Object.hasOwn(KUBE_KINDS, kind) ? KUBE_KINDS[kind] : undefined;
  if (!kube || kube.group !== group) return [{ outcome: "skipped", what: `${apiVersion} ${kind}` }];
  return convertKube(kube, raw, kind, path, origin);
}

/** `kind: List` has whole objects; the items of, say, a ServiceList need not repeat what they are. */
function unrollList(
  kind: string,
  apiVersion: string,
  items: readonly unknown[],
  path: string,
  origin: Origin,
  validate: ValidateObject,
): Converted[] {
  const itemKind = kind.slice(0, -"List".length);
  return items.flatMap((item, i) => {
    const itemPath = `${path === "" ? "" : `${path}.`}items[${i}]`;
    const whole = itemKind !== "" && isObject(item) ? { apiVersion, kind: itemKind, ...item } : item;
    return convertOne(whole, itemPath, origin, validate);
  });
}

function convertIstio(
  raw: Readonly<Record<string, unknown>>,
  kind: string,
  path: string,
  origin: Origin,
  validate: ValidateObject,
): Converted {
  const result = validate(raw, origin);
  if (result.ok) return { outcome: "object", object: result.object, warnings: result.warnings, path };
  return rejected(path, result.errors, rawKey(raw, kind))[0]!;
}

function convertKube(
  info: KubeKind,
  raw: Readonly<Record<string, unknown>>,
  kind: string,
  path: string,
  origin: Origin,
): Converted[] {
  const errors: FieldError[] = [];
  const meta = readObjectMeta(raw.metadata, info.scope, errors);
  const objects = info.convert(rawObject(raw, errors), meta, origin);
  if (errors.length > 0) {
    // Endpoints are known by the slices that are made of them.
    const recordKind = kind === "Endpoints" ? "EndpointSlice" : kind;
    return rejected(path, errors, { kind: recordKind, namespace: meta.namespace, name: meta.name });
  }
  const list = Array.isArray(objects) ? objects : [objects];
  return list.map((object) => ({ outcome: "object", object, warnings: [], path }));
}

/** What an object says that it is, as far as it can be read. */
function rawKey(raw: Readonly<Record<string, unknown>>, kind: string): ObjectKey | undefined {
  const { name, namespace } = isObject(raw.metadata) ? raw.metadata : {};
  if (typeof name !== "string" || name === "") return undefined;
  return { kind, namespace: typeof namespace === "string" && namespace !== "" ? namespace : DEFAULT_NAMESPACE, name };
}

function rejected(path: string, errors: readonly FieldError[], key?: ObjectKey): Converted[] {
  return [{ outcome: "rejected", errors, path, ...(key?.name ? { key } : {}) }];
}
