// Slices of what is sorted by host: large types are generated in several pieces, and a change of one host touches one. Any thread.

import { textHash } from "../text-hash.ts";

/** One of `of` pieces. */
export interface HostSlice {
  readonly index: number;
  readonly of: number;
}

/** The slice that a host belongs to. */
export function sliceOf(hostname: string, of: number): number {
  return sliceOfHash(hostHash(hostname), of);
}

/** For whoever looks for the slices of the same hosts often. */
export function hostHash(hostname: string): number {
  return textHash(hostname);
}

/** The slice of the host with the hash. */
export function sliceOfHash(hash: number, of: number): number {
  return hash % of;
}

/** Items by slice, for each number of slices that was asked for. */
export type Cuts<T> = Map<number, readonly (readonly T[])[]>;

/** The items of a slice. All of them are cut once for each number of slices. */
export function itemsInSlice<T>(
  cuts: Cuts<T>,
  items: Iterable<T>,
  { index, of }: HostSlice,
  sliceOfItem: (item: T) => number,
): readonly T[] {
  let slices = cuts.get(of);
  if (!slices) {
    const lists = Array.from({ length: of }, (): T[] => []);
    for (const item of items) lists[sliceOfItem(item)]!.push(item);
    slices = lists;
    cuts.set(of, slices);
  }
  return slices[index]!;
}

/** Hosts of a slice, on average: a worker makes the clusters, routes or listeners of so many in some milliseconds. */
export const CLUSTER_HOSTS = 128;
export const LISTENER_HOSTS = 512;
/** No type is cut into more. */
export const MAX_SLICES = 128;

/** Into how many slices so many hosts are cut, of so many hosts each. */
export type CountSlices = (hosts: number, hostsPerSlice: number) => number;

/** A power of two, so that a mesh that grows is rarely cut anew. */
export const sliceCount: CountSlices = (hosts, hostsPerSlice) => {
  let count = 1;
  while (count < MAX_SLICES && count * hostsPerSlice < hosts) count *= 2;
  return count;
};
