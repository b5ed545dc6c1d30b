// TLS of a gateway's servers, by mode and where the certificates are. Worker threads, pure.
// https://istio.io/latest/docs/reference/config/networking/gateway/#ServerTLSSettings
import type { envoy } from "../../../shared/gen/envoy.js";
import type { Mesh_MeshConfig, Networking_Server, Networking_ServerTLSSettings } from "../../../shared/gen/istio.js";
import { adsSecret, fileCertificate, fileRoots, serverTlsSocket, workloadSecrets } from "../../filters/tls-context.ts";

type TransportSocket = envoy.config.core.v3.ITransportSocket;
type CommonTlsContext = envoy.extensions.transport_sockets.tls.v3.ICommonTlsContext;

/** What the mesh asks of TLS that is not its own mTLS: https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#MeshConfig */
export type TlsDefaults = NonNullable<Mesh_MeshConfig["tlsDefaults"]>;

const ACCEPT_UNTRUSTED = 1;

const VERSIONS: Readonly<Record<string, number>> = { TLSV1_0: 1, TLSV1_1: 2, TLSV1_2: 3, TLSV1_3: 4 };

/** The socket of a server that ends TLS. `tcp` is true where what is inside isn't HTTP. */
export function gatewayTlsSocket(
  server: Networking_Server,
  tcp: boolean,
  istioFilters: boolean,
  defaults: TlsDefaults | undefined,
): TransportSocket {
  const tls = server.tls!;
  const mutual = tls.mode === "MUTUAL" || tls.mode === "ISTIO_MUTUAL";
  const common: CommonTlsContext = {
    alpnProtocols:
      tcp && tls.mode === "ISTIO_MUTUAL" && istioFilters
        ? ["istio-peer-exchange", "h2", "http/1.1"]
        : ["h2", "http/1.1"],
    ...certificates(tls, mutual || tls.mode === "OPTIONAL_MUTUAL"),
  };
  const params = tlsParams(tls, defaults);
  if (params) common.tlsParams = params;
  return serverTlsSocket({ commonTlsContext: common, requireClientCertificate: { value: mutual } });
}

function certificates(tls: Networking_ServerTLSSettings, asksClients: boolean): CommonTlsContext {
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
    const roots = adsSecret(`kubernetes://${tls.caCertCredentialName || `${names[0]}-cacert`}`);
    return {
      tlsCertificateSdsSecretConfigs: names.map((name) => adsSecret(`kubernetes://${name}`)),
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
