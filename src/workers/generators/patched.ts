// Generators with patches of EnvoyFilters after them. Worker threads.

import type { ResourceSink } from "../encode/resource-sink.ts";
import { clusterPatcher } from "../patches/cluster-patches.ts";
import { listenerPatcher } from "../patches/listener-patches.ts";
import { type Patcher, warnOfPatches } from "../patches/patcher.ts";
import type { GatewayPorts } from "../patches/route-match.ts";
import { routePatcher } from "../patches/route-patches.ts";
import { type PatchSet, selectedPatches } from "../patches/selected-patches.ts";
import { inboundPorts } from "../scope/inbound-ports.ts";
import { proxyScope } from "../scope/proxy-scope.ts";
import type { GenerateInput, Generator } from "./generator.ts";

/** What patches do to what a generator makes; undefined for nothing. */
type MakePatcher = (set: PatchSet, input: GenerateInput, generator: Generator) => Patcher | undefined;

/** A generator whose resources are patched. Those of views without patches cost nothing more. */
function patched(generator: Generator, make: MakePatcher): Generator {
  return (input, sink) => {
    // Patches are written for Envoys: as with istiod, gRPC's clients get none.
    const set = input.view.generator === "grpc" ? undefined : selectedPatches(input.ctx, input.view);
    const patcher = set && make(set, input, generator);
    if (!set || !patcher) {
      generator(input, sink);
      return;
    }
    warnOfPatches(set, sink);
    sink.edited(patcher.edit, () => generator(input, sink));
    patcher.add(sink);
  };
}

export function patchedClusters(generator: Generator): Generator {
  return patched(generator, (set, input) => {
    let hosts: Map<string, string[]> | undefined;
    return clusterPatcher(set, {
      type: nodeType(input),
      part: input.part,
      slice: input.slice,
      inboundHosts: () => {
        hosts ??= inboundHosts(input);
        return hosts;
      },
    });
  });
}

export function patchedListeners(generator: Generator): Generator {
  return patched(generator, (set, input) =>
    listenerPatcher(set, {
      type: nodeType(input),
      adds: input.part !== "shared",
      otherNames: (names, sink) =>
        input.part === "own"
          ? namesOf(patchedListeners(generator), { ...input, names, part: "shared" }, sink.aside())
          : [],
    }),
  );
}

export function patchedRoutes(generator: Generator): Generator {
  return patched(generator, (set, input) =>
    routePatcher(set, nodeType(input) === "router" ? gatewayPorts(input) : undefined),
  );
}

function nodeType({ view }: GenerateInput): "sidecar" | "router" {
  return view.type === "sidecar" ? "sidecar" : "router";
}

/** Hosts of the services that lead to an inbound cluster. */
function inboundHosts({ ctx, view }: GenerateInput): Map<string, string[]> {
  const out = new Map<string, string[]>();
  for (const { clusterName, targetPort, target } of inboundPorts(ctx, view, proxyScope(ctx, view))) {
    const targets = view.serviceTargets.filter((t) => t.targetPort === targetPort);
    const all = targets.length > 0 ? targets : target ? [target] : [];
    out.set(
      clusterName,
      all.map((t) => t.hostname),
    );
  }
  return out;
}

function gatewayPorts({ view }: GenerateInput): GatewayPorts {
  const out = new Map<number, Set<number>>();
  for (const { targetPort, port } of view.serviceTargets) {
    const ports = out.get(targetPort);
    if (ports) ports.add(port.port);
    else out.set(targetPort, new Set([port.port]));
  }
  return out;
}

function namesOf(generator: Generator, input: GenerateInput, sink: ResourceSink): Iterable<string> {
  generator(input, sink);
  return sink.taken();
}
