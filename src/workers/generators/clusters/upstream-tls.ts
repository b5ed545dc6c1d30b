// How a cluster's connections are secured: as its DestinationRule says, else by what each endpoint can. Worker threads.
// https://istio.io/latest/docs/ops/configuration/traffic-management/tls-configuration/
import type { envoy } from "../../../shared/gen/envoy.js";
import type { Networking_ClientTLSSettings } from "../../../shared/gen/istio.js";
import type { ServicePort, ServiceRecord } from "../../../shared/model/service.ts";
import { expandTrustDomains } from "../../../shared/names/spiffe.ts";
import type { PushContext } from "../../context/push-context.ts";
import { struct } from "../../encode/values.ts";
import { credentialSecret } from "../../filters/credentials.ts";
import { speaksPeerExchange } from "../../filters/peer-metadata.ts";
import {
  ALPN_MESH,
  clientTlsSocket,
  meshClientTls,
  originatedTls,
  RAW_BUFFER_SOCKET,
  type SdsSecretConfig,
} from "../../filters/tls-context.ts";
import { namespaceMode } from "../../scope/peer-authentication.ts";
import type { ResolvedPolicy } from "../../scope/traffic-policy.ts";
import { type Cluster, type HttpProtocolOptions, ORIGINAL_DST } from "./cluster-base.ts";
import type { ClusterView } from "./cluster-view.ts";

type TransportSocket = envoy.config.core.v3.ITransportSocket;

export interface TlsInput {
  readonly ctx: PushContext;
  readonly view: ClusterView;
  readonly service: ServiceRecord;
  readonly port: ServicePort;
  readonly policy: ResolvedPolicy;
  readonly sni: string;
  /** True when the cluster speaks HTTP/2 only. */
  readonly http2: boolean;
  /** True when the DestinationRule in force is for some workloads only. */
  readonly ruleHasSelector: boolean;
}

/** Sets the transport sockets, and gives what HTTP must do about names. */
export function applyTls(cluster: Cluster, input: TlsInput): HttpProtocolOptions["upstreamHttpProtocolOptions"] {
  const { ctx, view, service, policy, sni } = input;
  const mesh = speaksPeerExchange(ctx, view) ? ALPN_MESH : ["istio"];
  const alpn = input.http2 ? [...mesh, "h2"] : mesh;
  const files = ownFiles(view);
  // A proxy with certificates of its own shows them, whatever others a rule names.
  const tls =
    files && policy.tls && TWO_SIDED.has(policy.tls.mode ?? "") ? { ...files, ...namesOf(policy.tls) } : policy.tls;
  if (tls) {
    if (tls.mode === undefined || tls.mode === "DISABLE") return null;
    if (tls.mode === "ISTIO_MUTUAL") {
      const sans = tls.subjectAltNames?.length ? tls.subjectAltNames : serverIdentities(ctx, service);
      cluster.transportSocket = clientTlsSocket(meshClientTls(tls.sni || sni, sans, alpn));
      return null;
    }
    // Credentials are for gateways, and for rules that say which workloads they are for.
    if (tls.credentialName && view.type !== "router" && !input.ruleHasSelector) return null;
    const identities = tls.mode === "MUTUAL" ? serverIdentities(ctx, service) : [];
    cluster.transportSocket = originatedSocket(input, tls, identities);
    if (tls.sni) return null;
    // Without a name of its own the cluster takes the request's.
    return { autoSni: true, autoSanValidation: !tls.subjectAltNames?.length && !tls.insecureSkipVerify };
  }
  if (!wantsAutoMtls(input)) return null;
  if (files) {
    cluster.transportSocket = originatedSocket(input, { ...files, sni }, serverIdentities(ctx, service));
    return null;
  }
  const socket = clientTlsSocket(meshClientTls(sni, serverIdentities(ctx, service), alpn));
  if (cluster.type === ORIGINAL_DST) {
    cluster.transportSocket = socket;
    return null;
  }
  cluster.transportSocketMatches = [
    { name: "tlsMode-istio", match: struct({ tlsMode: "istio" }), transportSocket: socket },
    { name: "tlsMode-disabled", match: {}, transportSocket: RAW_BUFFER_SOCKET },
  ];
  return null;
}

type ClientTls = Networking_ClientTLSSettings;

const TWO_SIDED = new Set(["MUTUAL", "ISTIO_MUTUAL"]);

/** Settings for the certificates that the proxy's metadata names; undefined where it names no roots, without which they don't count. */
function ownFiles({ metadata }: ClusterView): ClientTls | undefined {
  const { tlsClientCertChain, tlsClientKey, tlsClientRootCert } = metadata;
  if (tlsClientRootCert === "") return undefined;
  return {
    mode: "MUTUAL",
    clientCertificate: tlsClientCertChain,
    privateKey: tlsClientKey,
    caCertificates: tlsClientRootCert,
  };
}

/** What a rule says of the server's names. */
function namesOf({ subjectAltNames, sni }: ClientTls): ClientTls {
  return { ...(subjectAltNames ? { subjectAltNames } : {}), ...(sni ? { sni } : {}) };
}

function originatedSocket({ ctx, http2 }: TlsInput, tls: ClientTls, identities: readonly string[]): TransportSocket {
  const { ecdhCurves: curves = [], cipherSuites: ciphers = [] } = ctx.mesh.mesh.tlsDefaults ?? {};
  const secret = (name: string): SdsSecretConfig => credentialSecret(ctx, name);
  return clientTlsSocket(originatedTls(tls, { http2, identities, secret, curves, ciphers }));
}

/** Mesh mTLS wherever both sides can: not to the outside, and not where the server's namespace turns it off. */
function wantsAutoMtls({ ctx, service, port }: TlsInput): boolean {
  if (ctx.mesh.mesh.enableAutoMtls === false || service.meshExternal) return false;
  if (service.resolution === "passthrough") {
    // The client's own address choice leaves no room for a match by endpoint: all of them must be able to.
    const endpoints = ctx.endpoints(service).filter((ep) => ep.servicePortName === port.name);
    if (endpoints.length === 0 || endpoints.some((ep) => ep.tlsMode !== "istio")) return false;
  }
  return namespaceMode(ctx, service.namespace) !== "DISABLE";
}

/** The identities that a server of the service may prove: those of its endpoints and those it lists. */
export function serverIdentities(ctx: PushContext, service: ServiceRecord): string[] {
  const mesh = ctx.mesh.mesh;
  const ids = new Set(service.subjectAltNames);
  for (const ep of ctx.endpoints(service)) if (ep.serviceAccount) ids.add(ep.serviceAccount);
  const domains = [mesh.trustDomain ?? "cluster.local", ...(mesh.trustDomainAliases ?? [])];
  return expandTrustDomains(ids, domains);
}
