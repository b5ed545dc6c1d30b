// TLS contexts of clients and servers, with workload certificates over SDS or from files. Worker threads, pure.
// https://www.envoyproxy.io/docs/envoy/latest/configuration/security/secret
import { envoy } from "../../shared/gen/envoy.js";
import type { Networking_ClientTLSSettings } from "../../shared/gen/istio.js";
import type { ViewMetadata } from "../../shared/model/view.ts";
import { any, ZERO_DURATION } from "../encode/values.ts";

const { UpstreamTlsContext, DownstreamTlsContext } = envoy.extensions.transport_sockets.tls.v3;
const { RawBuffer } = envoy.extensions.transport_sockets.raw_buffer.v3;

type CommonTlsContext = envoy.extensions.transport_sockets.tls.v3.ICommonTlsContext;
type TransportSocket = envoy.config.core.v3.ITransportSocket;
export type SdsSecretConfig = envoy.extensions.transport_sockets.tls.v3.ISdsSecretConfig;

const TLS = "envoy.extensions.transport_sockets.tls.v3";
const TLS_V1_2 = 3;
const TLS_V1_3 = 4;

/** Static cluster of the proxy's own agent, which serves workload certificates. */
export const SDS_CLUSTER = "sds-grpc";
/** The workload's own certificate, and the mesh's roots. */
const WORKLOAD_SECRET = "default";
const ROOT_SECRET = "ROOTCA";

export const ALPN_MESH = ["istio-peer-exchange", "istio"] as const;

/** The cipher suites that Istio's servers take by default. */
const SERVER_CIPHERS = [
  "ECDHE-ECDSA-AES256-GCM-SHA384",
  "ECDHE-RSA-AES256-GCM-SHA384",
  "ECDHE-ECDSA-AES128-GCM-SHA256",
  "ECDHE-RSA-AES128-GCM-SHA256",
  "AES256-GCM-SHA384",
  "AES128-GCM-SHA256",
];

const API_V3 = 2;
const GRPC_API = 2;

/** A secret that the agent beside the proxy serves. */
function agentSecret(name: string): SdsSecretConfig {
  return {
    name,
    sdsConfig: {
      apiConfigSource: {
        apiType: GRPC_API,
        grpcServices: [{ envoyGrpc: { clusterName: SDS_CLUSTER } }],
        setNodeOnFirstMessageOnly: true,
        transportApiVersion: API_V3,
      },
      initialFetchTimeout: ZERO_DURATION,
      resourceApiVersion: API_V3,
    },
  };
}

/** A secret that the control plane serves over ADS, such as a gateway's credential. */
export function adsSecret(name: string): SdsSecretConfig {
  return { name, sdsConfig: { ads: {}, resourceApiVersion: API_V3 } };
}

/** A secret that a service of the mesh serves. */
export function serviceSecret(name: string, cluster: string, authority: string): SdsSecretConfig {
  return {
    name,
    sdsConfig: {
      apiConfigSource: {
        apiType: GRPC_API,
        grpcServices: [{ envoyGrpc: { clusterName: cluster, authority } }],
        setNodeOnFirstMessageOnly: true,
        transportApiVersion: API_V3,
      },
      resourceApiVersion: API_V3,
    },
  };
}

function file(filename: string): envoy.config.core.v3.IDataSource {
  return { filename };
}

const certificates = new Map<string, SdsSecretConfig>();

/** A certificate read from files, as a secret that the agent serves under a name made of the paths. */
export function fileCertificate(certificate: string, key: string): SdsSecretConfig {
  return memo(`file-cert:${certificate}~${key}`);
}

/** Roots read from a file, as a secret that the agent serves. */
export function fileRoots(path: string): SdsSecretConfig {
  return memo(`file-root:${path}`);
}

function memo(name: string): SdsSecretConfig {
  let secret = certificates.get(name);
  if (!secret) {
    // Files of users may be missing for good: they aren't waited for without end.
    const { initialFetchTimeout: _timeout, ...sdsConfig } = agentSecret(name).sdsConfig!;
    secret = { name, sdsConfig };
    certificates.set(name, secret);
  }
  return secret;
}

const WORKLOAD_CERTIFICATE = agentSecret(WORKLOAD_SECRET);
const MESH_ROOTS = agentSecret(ROOT_SECRET);

/** How a client proves itself in mesh mTLS, and whom it trusts. */
export function meshClientTls(
  sni: string,
  subjectAltNames: readonly string[],
  alpn: readonly string[] = ALPN_MESH,
): envoy.extensions.transport_sockets.tls.v3.IUpstreamTlsContext {
  const sans = subjectAltNames.map((exact) => ({ exact }));
  const common: CommonTlsContext = {
    alpnProtocols: [...alpn],
    tlsParams: { tlsMaximumProtocolVersion: TLS_V1_3, tlsMinimumProtocolVersion: TLS_V1_2 },
    tlsCertificateSdsSecretConfigs: [WORKLOAD_CERTIFICATE],
    combinedValidationContext: {
      defaultValidationContext: sans.length > 0 ? { matchSubjectAltNames: sans } : {},
      validationContextSdsSecretConfig: MESH_ROOTS,
    },
  };
  return { commonTlsContext: common, sni };
}

/** A client's TLS socket. */
export function clientTlsSocket(
  context: envoy.extensions.transport_sockets.tls.v3.IUpstreamTlsContext,
): TransportSocket {
  return {
    name: "envoy.transport_sockets.tls",
    typedConfig: any(`${TLS}.UpstreamTlsContext`, UpstreamTlsContext, context),
  };
}

/** A socket without TLS, where one must be named. */
export const RAW_BUFFER_SOCKET: TransportSocket = {
  name: "envoy.transport_sockets.raw_buffer",
  typedConfig: any("envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer", RawBuffer, {}),
};

/** TLS that a DestinationRule asks for towards a server outside of the mesh: SIMPLE or MUTUAL. */
export function originatedTls(
  tls: Networking_ClientTLSSettings,
  options: {
    readonly http2: boolean;
    readonly identities: readonly string[];
    /** Gives the secret of a credential's name. */
    readonly secret: (credentialName: string) => SdsSecretConfig;
    /** Of the mesh's tlsDefaults. */
    readonly curves: readonly string[];
    readonly ciphers: readonly string[];
  },
): envoy.extensions.transport_sockets.tls.v3.IUpstreamTlsContext {
  const names = tls.subjectAltNames?.length ? tls.subjectAltNames : options.identities;
  const sans = names.map((exact) => ({ exact }));
  const validation = sans.length > 0 ? { matchSubjectAltNames: sans } : {};
  const common: CommonTlsContext = {
    tlsParams: {
      tlsMaximumProtocolVersion: TLS_V1_3,
      tlsMinimumProtocolVersion: TLS_V1_2,
      ...(options.curves.length > 0 ? { ecdhCurves: [...options.curves] } : {}),
      ...(options.ciphers.length > 0 ? { cipherSuites: [...options.ciphers] } : {}),
    },
  };
  if (options.http2) common.alpnProtocols = ["h2"];
  if (tls.credentialName) {
    const name = tls.credentialName;
    if (tls.mode === "MUTUAL") common.tlsCertificateSdsSecretConfigs = [options.secret(name)];
    if (!tls.insecureSkipVerify) {
      common.combinedValidationContext = {
        defaultValidationContext: validation,
        validationContextSdsSecretConfig: options.secret(`${name}-cacert`),
      };
    }
  } else {
    if (tls.mode === "MUTUAL" && tls.clientCertificate) {
      common.tlsCertificateSdsSecretConfigs = [fileCertificate(tls.clientCertificate, tls.privateKey ?? "")];
    }
    if (!tls.insecureSkipVerify) {
      common.combinedValidationContext = {
        defaultValidationContext: { ...validation, ...(tls.caCrl ? { crl: file(tls.caCrl) } : {}) },
        validationContextSdsSecretConfig: fileRoots(tls.caCertificates || "system"),
      };
    }
  }
  return { commonTlsContext: common, ...(tls.sni ? { sni: tls.sni } : {}) };
}

/** ALPN of an inbound TCP listener with mesh mTLS, and of an HTTP one. */
const ALPN_TCP = ["istio-peer-exchange", "h2", "http/1.1"];
const ALPN_HTTP = ["h2", "http/1.1"];

export interface ServerTlsOptions {
  readonly http: boolean;
  /** Trust domains whose identities are let in. */
  readonly trustDomains: readonly string[];
  readonly metadata: ViewMetadata;
  /** False for an Envoy without the filter that speaks istio-peer-exchange: nobody may choose it then. */
  readonly peerExchange: boolean;
  readonly minVersion?: number;
  readonly ciphers?: readonly string[];
}

/** A server's socket for mesh mTLS: asks for a certificate of a trusted domain. */
export function meshServerTlsSocket(options: ServerTlsOptions): TransportSocket {
  const { tlsServerCertChain, tlsServerKey, tlsServerRootCert } = options.metadata;
  const sans = options.trustDomains.map((domain) => ({ prefix: `spiffe://${domain}/` }));
  const validation = sans.length > 0 ? { matchSubjectAltNames: sans } : {};
  const common: CommonTlsContext = {
    alpnProtocols: options.http || !options.peerExchange ? ALPN_HTTP : ALPN_TCP,
    tlsParams: {
      tlsMinimumProtocolVersion: options.minVersion ?? TLS_V1_2,
      tlsMaximumProtocolVersion: TLS_V1_3,
      cipherSuites: [...(options.ciphers?.length ? options.ciphers : SERVER_CIPHERS)],
    },
    tlsCertificateSdsSecretConfigs: [
      tlsServerCertChain ? fileCertificate(tlsServerCertChain, tlsServerKey) : WORKLOAD_CERTIFICATE,
    ],
    combinedValidationContext: {
      defaultValidationContext: validation,
      validationContextSdsSecretConfig: tlsServerRootCert ? fileRoots(tlsServerRootCert) : MESH_ROOTS,
    },
  };
  return serverTlsSocket({ commonTlsContext: common, requireClientCertificate: { value: true } });
}

/** A server's TLS socket. */
export function serverTlsSocket(
  context: envoy.extensions.transport_sockets.tls.v3.IDownstreamTlsContext,
): TransportSocket {
  return {
    name: "envoy.transport_sockets.tls",
    typedConfig: any(`${TLS}.DownstreamTlsContext`, DownstreamTlsContext, context),
  };
}

/** The workload's own certificate and the mesh's roots, for gateways that end mesh mTLS. */
export function workloadSecrets(): { certificate: SdsSecretConfig; roots: SdsSecretConfig } {
  return { certificate: WORKLOAD_CERTIFICATE, roots: MESH_ROOTS };
}
