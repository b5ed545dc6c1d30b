// What the routes of a VirtualService depend on beside itself. Worker threads.
import { canonicalJson } from "../../shared/canonical-json.ts";
import type { ProxyView } from "../../shared/model/view.ts";
import { destinationHosts, type VirtualService } from "../scope/virtual-services.ts";

interface Traits {
  readonly destinations: readonly string[];
  readonly usesLabels: boolean;
  readonly usesNamespace: boolean;
}

const known = new WeakMap<VirtualService, Traits>();

function traitsOf(vs: VirtualService): Traits {
  let traits = known.get(vs);
  if (!traits) {
    const matches = (vs.spec.http ?? []).flatMap((http) => http.match ?? []);
    traits = {
      destinations: [...new Set(destinationHosts(vs))],
      usesLabels: matches.some((m) => m.sourceLabels !== undefined),
      usesNamespace: matches.some((m) => m.sourceNamespace !== undefined),
    };
    known.set(vs, traits);
  }
  return traits;
}

/** Hosts that its routes lead to. */
export function routeDestinations(vs: VirtualService): readonly string[] {
  return traitsOf(vs).destinations;
}

/** True when its routes depend on who the client is. */
export function asksForClient(vs: VirtualService): boolean {
  const { usesLabels, usesNamespace } = traitsOf(vs);
  return usesLabels || usesNamespace;
}

/** What of a client its matches ask for: the same for clients that get the same routes. */
export function clientTraits(vs: VirtualService, { namespace, labels }: ProxyView): string {
  const { usesLabels, usesNamespace } = traitsOf(vs);
  return `${usesNamespace ? namespace : ""}|${usesLabels ? canonicalJson(labels) : ""}`;
}
