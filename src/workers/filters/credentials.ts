// Credentials that Gateways and DestinationRules name, as the secrets that proxies ask for. Worker threads, pure.
// https://istio.io/latest/docs/reference/config/networking/gateway/#ServerTLSSettings
import type { Networking_DestinationRule } from "../../shared/gen/istio.js";
import type { PushContext } from "../context/push-context.ts";
import { findProviderService } from "../scope/provider-service.ts";
import { adsSecret, type SdsSecretConfig, serviceSecret } from "./tls-context.ts";

/** Says that a provider of the mesh's settings has the secret. */
const PROVIDER_SCHEME = "sds://";

function namesProvider(credentialName: string | undefined): boolean {
  return credentialName?.startsWith(PROVIDER_SCHEME) ?? false;
}

/** True for a rule with a credential of a provider: what is made of it depends on which services there are. */
export function usesProvider({ trafficPolicy, subsets = [] }: Networking_DestinationRule): boolean {
  return [trafficPolicy, ...subsets.map((s) => s.trafficPolicy)].some((policy) =>
    [policy, ...(policy?.portLevelSettings ?? [])].some((p) => namesProvider(p?.tls?.credentialName)),
  );
}

/**
 * Where the secret of a credential's name comes from: a certificate provider (`sds://NAME`), or the control plane, which
 * reads it from Kubernetes. A provider that there isn't is left to the control plane, which has no such secret.
 */
export function credentialSecret(ctx: PushContext, credentialName: string): SdsSecretConfig {
  if (namesProvider(credentialName)) {
    const name = credentialName.slice(PROVIDER_SCHEME.length);
    const provider = ctx.mesh.mesh.extensionProviders?.find(({ sds }) => sds?.name === name)?.sds;
    const found = provider && findProviderService(ctx, provider.service ?? "", provider.port ?? 0);
    if (found && !("problem" in found)) return serviceSecret(name, found.cluster, found.hostname);
  }
  return adsSecret(`kubernetes://${credentialName}`);
}
