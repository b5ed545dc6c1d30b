// Which filter chains a server's port needs, by protocol and mTLS mode. Worker threads, pure.
// https://istio.io/latest/docs/concepts/security/#permissive-mode
import type { Protocol } from "../../../shared/model/service.ts";
import { isHttp } from "../../../shared/model/service.ts";
import type { MtlsMode } from "../../scope/peer-authentication.ts";
import { PLAINTEXT_HTTP, RAW_BUFFER, TLS } from "./filter-chain.ts";

export interface InboundMatch {
  readonly applicationProtocols?: readonly string[];
  readonly transportProtocol?: string;
  readonly http: boolean;
  /** True when the proxy itself ends mesh mTLS. */
  readonly endsTls: boolean;
}

const MESH_HTTP = ["istio-http/1.0", "istio-http/1.1", "istio-h2"];
const MESH_TCP = ["istio-peer-exchange", "istio"];
const MESH_ALL = ["istio", "istio-peer-exchange", ...MESH_HTTP];

const AUTO: Readonly<Record<MtlsMode, readonly InboundMatch[]>> = {
  PERMISSIVE: [
    { applicationProtocols: MESH_HTTP, transportProtocol: TLS, http: true, endsTls: true },
    { applicationProtocols: PLAINTEXT_HTTP, transportProtocol: RAW_BUFFER, http: true, endsTls: false },
    { applicationProtocols: MESH_TCP, transportProtocol: TLS, http: false, endsTls: true },
    { transportProtocol: RAW_BUFFER, http: false, endsTls: false },
    // TLS of the application's own.
    { transportProtocol: TLS, http: false, endsTls: false },
  ],
  STRICT: [
    { applicationProtocols: MESH_HTTP, transportProtocol: TLS, http: true, endsTls: true },
    { transportProtocol: TLS, http: false, endsTls: true },
  ],
  DISABLE: [
    { applicationProtocols: PLAINTEXT_HTTP, transportProtocol: RAW_BUFFER, http: true, endsTls: false },
    { http: false, endsTls: false },
  ],
};

const HTTP: Readonly<Record<MtlsMode, readonly InboundMatch[]>> = {
  PERMISSIVE: [
    { applicationProtocols: MESH_ALL, transportProtocol: TLS, http: true, endsTls: true },
    { transportProtocol: RAW_BUFFER, http: true, endsTls: false },
  ],
  STRICT: [{ transportProtocol: TLS, http: true, endsTls: true }],
  DISABLE: [{ http: true, endsTls: false }],
};

const TCP: Readonly<Record<MtlsMode, readonly InboundMatch[]>> = {
  PERMISSIVE: [
    { applicationProtocols: MESH_ALL, transportProtocol: TLS, http: false, endsTls: true },
    { transportProtocol: TLS, http: false, endsTls: false },
    { transportProtocol: RAW_BUFFER, http: false, endsTls: false },
  ],
  STRICT: [{ transportProtocol: TLS, http: false, endsTls: true }],
  DISABLE: [{ http: false, endsTls: false }],
};

/** The matches in the order in which Istio lists them. */
export function inboundMatches(protocol: Protocol, mode: MtlsMode): readonly InboundMatch[] {
  if (isHttp(protocol)) return HTTP[mode];
  return protocol === "Unsupported" ? AUTO[mode] : TCP[mode];
}

/** The match of a port whose TLS the proxy ends with certificates of the user's own. */
export function ownTlsMatches(protocol: Protocol): readonly InboundMatch[] {
  return [{ transportProtocol: TLS, http: isHttp(protocol), endsTls: true }];
}
