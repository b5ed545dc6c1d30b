// The host that a DestinationRule is about. Any thread, pure.
import type { Networking_DestinationRule } from "../gen/istio.js";
import type { ConfigObject } from "../model/config.ts";
import { resolveShortName } from "./hostname.ts";

/** In full, or with a wildcard: short names belong to the rule's own namespace. */
export function ruleHost({ spec, meta }: ConfigObject<Networking_DestinationRule>, domainSuffix: string): string {
  return resolveShortName(spec.host ?? "", meta.namespace, domainSuffix);
}
