// TLS for gRPC's own xDS clients and servers, which take certificates from the provider that their bootstrap file names
// `default`. Worker threads, pure. https://github.com/grpc/proposal/blob/master/A29-xds-tls-security.md
import { envoy } from "../../shared/gen/envoy.js";
import { any } from "../encode/values.ts";

const { UpstreamTlsContext, DownstreamTlsContext } = envoy.extensions.transport_sockets.tls.v3;

type CommonTlsContext = envoy.extensions.transport_sockets.tls.v3.ICommonTlsContext;
type TransportSocket = envoy.config.core.v3.ITransportSocket;

const TLS = "envoy.extensions.transport_sockets.tls.v3";
/** gRPC takes no other name. */
const SOCKET = "envoy.transport_sockets.tls";

const OWN = { instanceName: "default", certificateName: "default" };
const ROOTS = { instanceName: "default", certificateName: "ROOTCA" };

/** Both by the fields that gRPC reads now, and by the ones that they replaced. */
function common(subjectAltNames: readonly string[]): CommonTlsContext {
  const matchSubjectAltNames = subjectAltNames.map((exact) => ({ exact }));
  return {
    tlsCertificateCertificateProviderInstance: OWN,
    tlsCertificateProviderInstance: OWN,
    combinedValidationContext: {
      defaultValidationContext: {
        caCertificateProviderInstance: ROOTS,
        ...(matchSubjectAltNames.length > 0 ? { matchSubjectAltNames } : {}),
      },
      validationContextCertificateProviderInstance: ROOTS,
    },
  };
}

/** A client's socket for mesh mTLS, which takes servers with one of these identities; with any of the mesh for none. */
export function providerClientTls(subjectAltNames: readonly string[]): TransportSocket {
  const context = { commonTlsContext: common(subjectAltNames) };
  return { name: SOCKET, typedConfig: any(`${TLS}.UpstreamTlsContext`, UpstreamTlsContext, context) };
}

/** A server's socket for mesh mTLS. gRPC's servers can't tell identities apart: their RBAC does. */
export function providerServerTls(): TransportSocket {
  const context = { commonTlsContext: common([]), requireClientCertificate: { value: true } };
  return { name: SOCKET, typedConfig: any(`${TLS}.DownstreamTlsContext`, DownstreamTlsContext, context) };
}
