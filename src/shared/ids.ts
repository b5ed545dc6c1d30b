// Branded ids, so that a push version cannot be passed where a view id is meant. Any thread.

declare const brand: unique symbol;

/** Increases by one with each published snapshot, from 1. */
export type PushVersion = number & { readonly [brand]: "PushVersion" };
/** Hash of everything in a ProxyView; equal ids mean equal generated resources. */
export type ViewId = string & { readonly [brand]: "ViewId" };
/** Index into a segment's string table. */
export type StringId = number & { readonly [brand]: "StringId" };

/** Gives a plain number the type of a push version. */
export function pushVersion(value: number): PushVersion {
  return value as PushVersion;
}

/** Gives a plain string the type of a view id. */
export function viewId(value: string): ViewId {
  return value as ViewId;
}
