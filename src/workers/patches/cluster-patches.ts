// Patches of clusters. Worker threads.

import type { WantPart } from "../../shared/model/resource.ts";
import { parseSubsetKey } from "../../shared/names/cluster-name.ts";
import type { HostSlice } from "../../shared/names/host-slice.ts";
import { sliceOf } from "../../shared/names/host-slice.ts";
import type { EditResource, ResourceSink } from "../encode/resource-sink.ts";
import { mergeSocket } from "./filter-merge.ts";
import { merge } from "./merge.ts";
import { decode, encode, knownType, type Message } from "./message-types.ts";
import { VALUE_TYPES } from "./patch-value.ts";
import { addedIn, inContext, PatchedBytes, type Patcher } from "./patcher.ts";
import type { Patch, PatchContextName, PatchSet } from "./selected-patches.ts";

/** What of the question decides about clusters that patches add. */
export interface ClusterQuestion {
  readonly type: "sidecar" | "router";
  readonly part: WantPart | undefined;
  readonly slice: HostSlice | undefined;
  /** Hosts that an inbound cluster is for, by its name. */
  readonly inboundHosts: () => ReadonlyMap<string, readonly string[]>;
}

const patched = new PatchedBytes();

/** What the patches do to clusters; undefined for nothing. */
export function clusterPatcher(set: PatchSet, question: ClusterQuestion): Patcher | undefined {
  const all = set.of("CLUSTER");
  if (all.length === 0) return undefined;
  const edit: EditResource = (name, bytes) => {
    const context = contextOf(question.type, name);
    const own = all.filter(inContext(context));
    if (!own.some((patch) => matches(name, patch, question))) return bytes;
    // Inbound clusters are made anew each time, so that what is kept never depends on hosts.
    return patched.get(bytes, set, () => patchedCluster(name, bytes, own, question));
  };
  return { edit, add: (sink) => addClusters(all, question, sink) };
}

function contextOf(type: "sidecar" | "router", name: string): PatchContextName {
  if (type === "router") return "GATEWAY";
  return isInbound(name) ? "SIDECAR_INBOUND" : "SIDECAR_OUTBOUND";
}

/** True for names of clusters towards a sidecar's own application. */
function isInbound(name: string): boolean {
  return name.startsWith("inbound|") || name === "InboundPassthroughCluster";
}

/** A name alone says all; without one, every part of a cluster's name that is given counts. */
function matches(cluster: string, { match }: Patch, question: ClusterQuestion): boolean {
  if (!match.cluster) return true;
  const { name = "", subset = "", service = "", portNumber = 0 } = match.cluster;
  if (name !== "") return name === cluster;
  const key = parseSubsetKey(cluster);
  if (subset !== "" && subset !== key?.subset) return false;
  if (portNumber !== 0 && portNumber !== key?.port) return false;
  if (service === "") return true;
  const hosts = key?.direction === "inbound" ? question.inboundHosts().get(cluster) : undefined;
  return (hosts ?? [key?.hostname]).includes(service);
}

function patchedCluster(
  name: string,
  bytes: Uint8Array,
  patches: readonly Patch[],
  question: ClusterQuestion,
): Uint8Array | undefined {
  const type = knownType(VALUE_TYPES.CLUSTER);
  const cluster = decode(type, bytes);
  for (const patch of patches) {
    if (!matches(name, patch, question)) continue;
    if (patch.operation === "REMOVE") return undefined;
    if (patch.operation === "MERGE") mergeCluster(cluster, patch, "append");
    if (patch.operation === "MERGE_AND_REPLACE_LIST") mergeCluster(cluster, patch, "replace");
  }
  // Endpoints, routes and the parts of an answer go by the name.
  cluster.name = name;
  return encode(type, cluster);
}

/** A patch of the transport socket is about nothing else. */
function mergeCluster(cluster: Message, patch: Patch, lists: "append" | "replace"): void {
  const value = patch.value();
  const socket = value.transportSocket as Message | undefined;
  if (!socket) {
    merge(knownType(VALUE_TYPES.CLUSTER), cluster, value, lists);
    return;
  }
  const choices = (cluster.transportSocketMatches ?? []) as readonly Message[];
  if (choices.length > 0) {
    const sockets = choices.map((choice) => choice.transportSocket as Message | undefined);
    // A cluster with choices can't have one of its own beside them.
    const same = sockets.find((own) => own?.name === socket.name);
    if (same) mergeSocket(same, socket);
    return;
  }
  const own = cluster.transportSocket as Message | undefined;
  if (own && own.name === socket.name) mergeSocket(own, socket);
  else cluster.transportSocket = socket;
}

/** Each name once, and each in the part of the answer to which it belongs. */
function addClusters(all: readonly Patch[], question: ClusterQuestion, sink: ResourceSink): void {
  const contexts: readonly PatchContextName[] =
    question.type === "router" ? ["GATEWAY"] : ["SIDECAR_OUTBOUND", "SIDECAR_INBOUND"];
  const taken = new Set(sink.taken());
  for (const context of contexts) {
    for (const patch of all.filter(addedIn(context))) {
      if (patch.operation !== "ADD") continue;
      const cluster = patch.value();
      const name = String(cluster.name ?? "");
      if (taken.has(name) || !belongs(name, question)) continue;
      taken.add(name);
      sink.addBytes(name, encode(knownType(VALUE_TYPES.CLUSTER), cluster));
    }
  }
}

/** Where a generated cluster of the name would be: only there it can be told whether there is one. */
function belongs(name: string, { part, slice }: ClusterQuestion): boolean {
  if (part !== undefined && isInbound(name)) return part === "own";
  if (part === "own") return false;
  if (!slice) return true;
  const hostname = parseSubsetKey(name)?.hostname ?? "";
  return hostname === "" ? slice.index === 0 : sliceOf(hostname, slice.of) === slice.index;
}
