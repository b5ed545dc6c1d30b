// TLS of a gateway's servers, by mode and where the certificates are. Worker threads, pure.
// https://istio.io/latest/docs/reference/config/networking/gateway/#ServerTLSSettings
import type { envoy } from "../../../shared/gen/envoy.js";
import type { Mesh_MeshConfig, Networking_ServerTLSSettings } from "../../../shared/gen/istio.js";
import type { PushContext } from "../../context/push-context.ts";
import { credentialSecret } from "../../filters/credentials.ts";
import { fileCertificate, fileRoots, serverTlsSocket, workloadSecrets } from "../../filters/tls-context.ts";

type TransportSocket = envoy.config.core.v3.ITransportSocket;
type CommonTlsContext = envoy.extensions.transport_sockets.tls.v3.ICommonTlsContext;

/** What the mesh asks of TLS that is not its own mTLS: https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#MeshConfig */
type TlsDefaults = NonNullable<Mesh_MeshConfig["tlsDefaults"]>;

const ACCEPT_UNTRUSTED = 1;

const VERSIONS: Readonly<Record<string, number>> = { TLSV1_0: 1, TLSV1_1: 2, TLSV1_2: 3, TLSV1_3: 4 };

export interface GatewayTlsOptions {
  /** What is inside of TLS. */
  readonly carries: "tcp" | "http" | "http3";
  /** Whether the filter is there that speaks istio-peer-exchange. */
  readonly peerExchange: boolean;
}

/** The socket of a server that ends TLS. */
export function gatewayTlsSocket(
  ctx: PushContext,
  tls: Networking_ServerTLSSettings,
  options: GatewayTlsOptions,
): TransportSocket {
  return serverTlsSocket(gatewayTlsContext(ctx, tls, options));
}

/** The TLS of a server that ends it. */
export function gatewayTlsContext(
  ctx: PushContext,
  tls: Networking_ServerTLSSettings,
  options: GatewayTlsOptions,
): envoy.extensions.transport_sockets.tls.v3.IDownstreamTlsContext {
  const mutual = tls.mode === "MUTUAL" || tls.mode === "ISTIO_MUTUAL";
  const common: CommonTlsContext = {
    alpnProtocols: alpn(tls, options),
    ...certificates(ctx, tls, mutual || tls.mode === "OPTIONAL_MUTUAL"),
  };
  const params = tlsParams(tls, tls.mode === "ISTIO_MUTUAL" ? undefined : ctx.mesh.mesh.tlsDefaults);
  if (params) common.tlsParams = params;
  return { commonTlsContext: common, requireClientCertificate: { value: mutual } };
}

function alpn(tls: Networking_ServerTLSSettings, { carries, peerExchange }: GatewayTlsOptions): string[] {
  if (carries === "http3") return ["h3"];
  const exchange = carries === "tcp" && tls.mode === "ISTIO_MUTUAL" && peerExchange;
  return exchange ? ["istio-peer-exchange", "h2", "http/1.1"] : ["h2", "http/1.1"];
}

function certificates(ctx: PushContext, tls: Networking_ServerTLSSettings, asksClients: boolean): CommonTlsContext {
  const validation = validationContext(tls);
  if (tls.mode === "ISTIO_MUTUAL") {
    const { certificate, roots } = workloadSecrets();
    return {
      tlsCertificateSdsSecretConfigs: [certificate],
      combinedValidationContext: { defaultValidationContext: validation, validationContextSdsSecretConfig: roots },
    };
  }
  const names = tls.credentialNames?.length ? tls.credentialNames : tls.credentialName ? [tls.credentialName] : [];
  if (names.length > 0) {
    const roots = credentialSecret(ctx, tls.caCertCredentialName || `${names[0]}-cacert`);
    return {
      tlsCertificateSdsSecretConfigs: names.map((name) => credentialSecret(ctx, name)),
      ...(asksClients
        ? {
            combinedValidationContext: {
              defaultValidationContext: validation,
              validationContextSdsSecretConfig: roots,
            },
          }
        : {}),
    };
  }
  const files = tls.tlsCertificates?.length
    ? tls.tlsCertificates
    : [{ serverCertificate: tls.serverCertificate ?? "", privateKey: tls.privateKey ?? "" }];
  return {
    tlsCertificateSdsSecretConfigs: files.map((f) => fileCertificate(f.serverCertificate ?? "", f.privateKey ?? "")),
    ...(asksClients && tls.caCertificates
      ? {
          combinedValidationContext: {
            defaultValidationContext: validation,
            validationContextSdsSecretConfig: fileRoots(tls.caCertificates),
          },
        }
      : {}),
  };
}

function validationContext(
  tls: Networking_ServerTLSSettings,
): envoy.extensions.transport_sockets.tls.v3.ICertificateValidationContext {
  return {
    ...(tls.subjectAltNames?.length ? { matchSubjectAltNames: tls.subjectAltNames.map((exact) => ({ exact })) } : {}),
    ...(tls.verifyCertificateSpki?.length ? { verifyCertificateSpki: [...tls.verifyCertificateSpki] } : {}),
    ...(tls.verifyCertificateHash?.length ? { verifyCertificateHash: [...tls.verifyCertificateHash] } : {}),
    ...(tls.insecureSkipVerify ? { trustChainVerification: ACCEPT_UNTRUSTED } : {}),
    ...(tls.caCrl ? { crl: { filename: tls.caCrl } } : {}),
  };
}

function tlsParams(
  tls: Networking_ServerTLSSettings,
  defaults: TlsDefaults | undefined,
): envoy.extensions.transport_sockets.tls.v3.ITlsParameters | undefined {
  const min = VERSIONS[tls.minProtocolVersion ?? ""] ?? VERSIONS[defaults?.minProtocolVersion ?? ""];
  const max = VERSIONS[tls.maxProtocolVersion ?? ""];
  const ciphers = tls.cipherSuites?.length ? tls.cipherSuites : (defaults?.cipherSuites ?? []);
  const curves = tls.ecdhCurves?.length ? tls.ecdhCurves : (defaults?.ecdhCurves ?? []);
  if (!min && !max && ciphers.length === 0 && curves.length === 0) return undefined;
  return {
    ...(min ? { tlsMinimumProtocolVersion: min } : {}),
    ...(max ? { tlsMaximumProtocolVersion: max } : {}),
    ...(ciphers.length > 0 ? { cipherSuites: [...ciphers] } : {}),
    ...(curves.length > 0 ? { ecdhCurves: [...curves] } : {}),
  };
}
