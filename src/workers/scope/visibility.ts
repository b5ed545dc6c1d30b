// Which namespaces see an object or service. Worker threads, pure.
import type { ConfigObject } from "../../shared/model/config.ts";
import type { ServiceRecord } from "../../shared/model/service.ts";

/** True when something with this exportTo list ("." resolved) is seen in `namespace`. */
export function isExportedTo(exportTo: readonly string[], namespace: string): boolean {
  return exportTo.includes("*") || exportTo.includes(namespace);
}

/** The exportTo list of an object, with "." resolved and the mesh's default where it is empty. */
export function exportToOf(
  exportTo: readonly string[] | undefined,
  namespace: string,
  meshDefault: readonly string[] | undefined,
): readonly string[] {
  const list = exportTo && exportTo.length > 0 ? exportTo : meshDefault && meshDefault.length > 0 ? meshDefault : ["*"];
  return list.map((ns) => (ns === "." ? namespace : ns));
}

/** Oldest first; equal ages by name and namespace, so that the order is always the same. */
export function compareServices(a: ServiceRecord, b: ServiceRecord): number {
  return (
    a.creationTimestamp - b.creationTimestamp ||
    compareText(`${a.name}.${a.namespace}`, `${b.name}.${b.namespace}`) ||
    compareText(a.objectName, b.objectName)
  );
}

/** Oldest first; equal ages by name and namespace. */
export function compareConfigs(a: ConfigObject, b: ConfigObject): number {
  return (
    a.meta.creationTimestamp - b.meta.creationTimestamp ||
    compareText(`${a.meta.name}.${a.meta.namespace}`, `${b.meta.name}.${b.meta.namespace}`)
  );
}

export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
