// Where the proxy has an issuer's keys from: the rule itself, or a server that it asks. Worker threads.
// https://istio.io/latest/docs/reference/config/security/request_authentication/#JWTRule
import type { envoy } from "../../../shared/gen/envoy.js";
import type { Security_JWTRule, Security_RequestAuthentication } from "../../../shared/gen/istio.js";
import { subsetKey } from "../../../shared/names/cluster-name.ts";
import type { PushContext } from "../../context/push-context.ts";
import { durationMs, parseDuration } from "../../encode/values.ts";
import { findProviderService } from "../../scope/provider-service.ts";
import { type Workload, workloadPolicies } from "../../scope/workload-policies.ts";

type JwtProvider = envoy.extensions.filters.http.jwt_authn.v3.IJwtProvider;

/** What an issuer's provider says of its keys. */
export interface KeySource {
  readonly provider: Pick<JwtProvider, "localJwks" | "remoteJwks">;
  /** Why no token of the issuer can be valid, if so. */
  readonly problem?: string;
}

const FETCH_TIMEOUT_MS = 5_000;
const CACHE_MS = 300_000;

/**
 * A key that was made to have some public half, and of which nobody has the other: Envoy takes no empty set, and without keys
 * no token may be valid.
 */
const NOBODYS_KEY = JSON.stringify({
  keys: [
    {
      kty: "RSA",
      e: "AQAB",
      n: "05N_npnJaHjX_qVfccGRIic-LKj_Uy-QlOxVLqpaIbcboTuDv63axFBvmpl_xhNjzaP0_JE7OyW4vO7V-yQskOrOQqZ8pM2mp9EeHSD7mO-CCCL065ftLn-DUXRF-sVKritjgj0xirtmVIMM0jPy-TGG57b_8UqNj4u5Vqp2S_ILtEnB0-3IZZXQcLpSj_CT_GPURbwbIXIYJf0MKZaLRNUyPWHe_yg7R2oV2d47NflePA8qsbPx3EfK-usbd8Y4YArPqsr7icKNNpnVxbvqCKTZG09DmcOpk0z7RFplo2nYV7tQrFChLxAPK2Y13YIqafriAY1SGXqQjKtQCfI9xw",
    },
  ],
});

/** True when proxies may have keys fetched through a cluster (PILOT_JWT_ENABLE_REMOTE_JWKS). */
export function proxiesFetchKeys(ctx: PushContext): boolean {
  return ["envoy", "hybrid", "true"].includes(ctx.mesh.features.jwtRemoteJwks);
}

/** The hosts that a workload's proxy asks for keys. */
export function jwksHosts(ctx: PushContext, workload: Workload): string[] {
  if (!proxiesFetchKeys(ctx)) return [];
  const policies = workloadPolicies<Security_RequestAuthentication>(ctx, "RequestAuthentication", workload);
  return policies.flatMap(({ spec }) =>
    (spec.jwtRules ?? []).flatMap(({ jwksUri }) => (jwksUri ? [jwksServer(jwksUri).hostname] : [])),
  );
}

/** The keys of a rule's issuer. */
export function keySource(ctx: PushContext, rule: Security_JWTRule): KeySource {
  const { issuer = "", jwks = "", jwksUri = "" } = rule;
  if (jwksUri !== "" && proxiesFetchKeys(ctx)) {
    const { hostname, port } = jwksServer(jwksUri);
    const known = findProviderService(ctx, hostname, port);
    if ("cluster" in known) return remote(rule, known.cluster);
    if (ctx.mesh.features.jwtRemoteJwks === "envoy") {
      return { ...remote(rule, subsetKey("outbound", "", hostname, port)), problem: `${jwksUri}: ${known.problem}` };
    }
  } else if (jwks !== "") {
    return { provider: { localJwks: { inlineString: jwks } } };
  }
  return { provider: { localJwks: { inlineString: NOBODYS_KEY } }, problem: `no keys of issuer ${issuer || jwksUri}` };
}

function remote({ jwksUri = "", timeout }: Security_JWTRule, cluster: string): KeySource {
  const httpUri = { uri: jwksUri, cluster, timeout: parseDuration(timeout) ?? durationMs(FETCH_TIMEOUT_MS) };
  return { provider: { remoteJwks: { httpUri, cacheDuration: durationMs(CACHE_MS) } } };
}

const SERVER = /^(https?):\/\/(?:[^/?#]*@)?(\[[^\]]*\]|[^:/?#]*)(?::(\d*))?/i;

/** The host and port of a URI. Validation lets some through that a URL parser would throw for, such as one without a host. */
function jwksServer(jwksUri: string): { readonly hostname: string; readonly port: number } {
  const [, scheme = "", host = "", port = ""] = SERVER.exec(jwksUri) ?? [];
  const usual = scheme.toLowerCase() === "https" ? 443 : 80;
  return { hostname: host.replace(/^\[|\]$/g, ""), port: port === "" ? usual : Number(port) };
}
