// Rules of TLS settings, of servers and of clients. Main thread.
import type { Networking_ClientTLSSettings, Networking_ServerTLSSettings } from "../../../shared/gen/istio.js";
import { type Report, reject, warn } from "../report.ts";

export function checkClientTls(report: Report, field: string, tls: Networking_ClientTLSSettings | undefined): void {
  if (!tls) return;
  const { mode = "DISABLE", clientCertificate = "", privateKey = "", caCertificates = "", credentialName = "" } = tls;
  const sans = tls.subjectAltNames ?? [];
  if (tls.insecureSkipVerify) {
    if (mode === "SIMPLE" && (caCertificates !== "" || credentialName !== "" || sans.length > 0)) {
      const reason =
        "cannot specify CaCertificates or CredentialName or SubjectAltNames when InsecureSkipVerify is set true";
      reject(report, field, reason);
    }
    if (mode === "MUTUAL" && (caCertificates !== "" || sans.length > 0)) {
      reject(report, field, "cannot specify CaCertificates or SubjectAltNames when InsecureSkipVerify is set true");
    }
  }
  if ((mode === "SIMPLE" || mode === "MUTUAL") && credentialName !== "") {
    if (clientCertificate !== "" || caCertificates !== "" || privateKey !== "") {
      reject(report, field, "cannot specify client certificates or CA certificate If credentialName is set");
    }
    return;
  }
  if (mode === "MUTUAL") {
    if (clientCertificate === "")
      reject(report, `${field}.clientCertificate`, "client certificate required for mutual tls");
    if (privateKey === "") reject(report, `${field}.privateKey`, "private key required for mutual tls");
  }
  if (sans.includes("")) reject(report, `${field}.subjectAltNames`, "subject alternative names must not be empty");
}

const VERSIONS = ["TLS_AUTO", "TLSV1_0", "TLSV1_1", "TLSV1_2", "TLSV1_3"];

/** Those that Envoy's BoringSSL knows and that TLS settings may name. */
const CIPHERS = new Set(
  `ECDHE-ECDSA-AES128-GCM-SHA256 ECDHE-RSA-AES128-GCM-SHA256 ECDHE-ECDSA-AES256-GCM-SHA384 ECDHE-RSA-AES256-GCM-SHA384
  ECDHE-ECDSA-CHACHA20-POLY1305 ECDHE-RSA-CHACHA20-POLY1305 ECDHE-ECDSA-AES128-SHA ECDHE-RSA-AES128-SHA
  ECDHE-ECDSA-AES256-SHA ECDHE-RSA-AES256-SHA AES128-GCM-SHA256 AES256-GCM-SHA384 AES128-SHA AES256-SHA DES-CBC3-SHA
  ECDHE-PSK-AES128-CBC-SHA ECDHE-PSK-AES256-CBC-SHA ECDHE-PSK-CHACHA20-POLY1305 PSK-AES128-CBC-SHA PSK-AES256-CBC-SHA`.split(
    /\s+/,
  ),
);

export function checkServerTls(report: Report, field: string, tls: Networking_ServerTLSSettings | undefined): void {
  if (!tls) return;
  const min = tls.minProtocolVersion ?? "TLS_AUTO";
  const max = tls.maxProtocolVersion ?? "TLS_AUTO";
  if (max !== "TLS_AUTO" && VERSIONS.indexOf(min) > VERSIONS.indexOf(max)) {
    reject(report, `${field}.minProtocolVersion`, "minimum TLS version is above the maximum one");
  }
  warnOfCiphers(report, tls.cipherSuites ?? []);
  for (const [list, size] of [
    ["verifyCertificateHash", 64],
    ["verifyCertificateSpki", 44],
  ] as const) {
    for (const [i, hash] of (tls[list] ?? []).entries()) {
      if (hash.replaceAll(":", "").length !== size)
        reject(report, `${field}.${list}[${i}]`, `hash must have ${size} characters`);
    }
  }
  checkServerCredentials(report, field, tls);
}

function checkServerCredentials(report: Report, field: string, tls: Networking_ServerTLSSettings): void {
  const {
    mode = "PASSTHROUGH",
    serverCertificate = "",
    privateKey = "",
    caCertificates = "",
    credentialName = "",
  } = tls;
  const names = tls.credentialNames ?? [];
  const certificates = tls.tlsCertificates ?? [];
  if (mode === "ISTIO_MUTUAL") {
    if (serverCertificate !== "") {
      reject(report, `${field}.serverCertificate`, "ISTIO_MUTUAL TLS cannot have associated server certificate");
    }
    if (privateKey !== "") reject(report, `${field}.privateKey`, "ISTIO_MUTUAL TLS cannot have associated private key");
    if (caCertificates !== "")
      reject(report, `${field}.caCertificates`, "ISTIO_MUTUAL TLS cannot have associated CA bundle");
    if (credentialName !== "" || names.length > 0) {
      reject(report, `${field}.credentialName`, "ISTIO_MUTUAL TLS cannot have associated credentialName");
    }
    return;
  }
  if (mode !== "SIMPLE" && mode !== "MUTUAL" && mode !== "OPTIONAL_MUTUAL") {
    if (
      mode === "PASSTHROUGH" &&
      !tls.httpsRedirect &&
      (serverCertificate !== "" || privateKey !== "" || credentialName !== "")
    ) {
      warn(report, "PASSTHROUGH mode does not use certificates; they are ignored");
    }
    return;
  }
  const kinds = [
    credentialName !== "",
    names.length > 0,
    certificates.length > 0,
    serverCertificate + privateKey !== "",
  ];
  if (kinds.filter(Boolean).length > 1) {
    reject(
      report,
      field,
      "only one of credentialName, credentialNames, tlsCertificates or serverCertificate can be set",
    );
  }
  if (names.length > 2) reject(report, `${field}.credentialNames`, "credentialNames can have at most two entries");
  if (certificates.length > 2)
    reject(report, `${field}.tlsCertificates`, "tlsCertificates can have at most two entries");
  // What a secret holds is not known here.
  if (credentialName !== "" || names.length > 0) return;
  if (certificates.length === 0) {
    if (serverCertificate === "")
      reject(report, `${field}.serverCertificate`, `${mode} TLS requires a server certificate`);
    if (privateKey === "") reject(report, `${field}.privateKey`, `${mode} TLS requires a private key`);
  }
  for (const [i, certificate] of certificates.entries()) {
    const path = `${field}.tlsCertificates[${i}]`;
    if (!certificate.serverCertificate) reject(report, path, `${mode} TLS requires a server certificate`);
    if (!certificate.privateKey) reject(report, path, `${mode} TLS requires a private key`);
  }
  if (mode !== "SIMPLE" && caCertificates === "" && !tls.caCertCredentialName) {
    reject(report, `${field}.caCertificates`, `${mode} TLS requires a client CA bundle`);
  }
}

function warnOfCiphers(report: Report, suites: readonly string[]): void {
  const unknown = suites.filter((suite) => !CIPHERS.has(suite));
  const repeated = suites.filter((suite, i) => suites.indexOf(suite) < i);
  if (unknown.length > 0) warn(report, `ignoring invalid cipher suites: [${unknown.join(" ")}]`);
  if (repeated.length > 0) warn(report, `ignoring duplicate cipher suites: [${repeated.join(" ")}]`);
}
