// EnvoyFilters for tests of what patches do.
import { doc } from "./worker-behaviour.ts";

interface FilterMeta {
  readonly namespace?: string;
  /** Seconds of the day on which all objects were made. */
  readonly age?: number;
}

/** An EnvoyFilter, in `default` unless told otherwise. `more`: its selector, priority … */
export function envoyFilter(
  name: string,
  patches: readonly object[],
  more: object = {},
  meta: FilterMeta = {},
): object {
  const document = doc("EnvoyFilter", name, { configPatches: patches, ...more }, meta);
  return { ...document, apiVersion: "networking.istio.io/v1alpha3" };
}

/** One patch. `match` without a context is for all. */
export function patch(applyTo: string, operation: string, value?: object, match: object = {}): object {
  return { applyTo, match, patch: { operation, ...(value ? { value } : {}) } };
}

/** The match of a network filter, or of a filter in it. */
export function filterMatch(name: string, subFilter?: string): object {
  return { listener: { filterChain: { filter: { name, ...(subFilter ? { subFilter: { name: subFilter } } : {}) } } } };
}
