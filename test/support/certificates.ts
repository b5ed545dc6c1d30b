// Keys and certificates for a test, made by openssl: a certificate authority, and what it signs.
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";

export interface Certificate {
  /** Files in PEM. */
  readonly cert: string;
  readonly key: string;
}

/** Why certificates can't be made here, or undefined when they can. */
export function opensslMissing(): string | undefined {
  try {
    execFileSync("openssl", ["version"], { stdio: "ignore" });
    return undefined;
  } catch {
    return "there is no openssl (Debian: openssl)";
  }
}

/** An authority in a folder; `sign` gives a certificate for a host name. */
export function certificateAuthority(folder: string): { readonly cert: string; sign(host: string): Certificate } {
  const file = (name: string): string => path.join(folder, name);
  const openssl = (...args: readonly string[]): void => {
    execFileSync("openssl", args, { stdio: ["ignore", "ignore", "pipe"] });
  };
  const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  const ca = { cert: file("ca.pem"), key: file("ca.key") };
  openssl("req", "-x509", ...newKey, "-subj", "/CN=test authority", "-days", "2", "-keyout", ca.key, "-out", ca.cert);
  return {
    cert: ca.cert,
    sign(host) {
      const own = { cert: file(`${host}.pem`), key: file(`${host}.key`) };
      const [request, extensions] = [file(`${host}.csr`), file(`${host}.ext`)];
      fs.writeFileSync(extensions, `subjectAltName=DNS:${host}\n`);
      openssl("req", "-new", ...newKey, "-subj", `/CN=${host}`, "-keyout", own.key, "-out", request);
      const signing = ["-CA", ca.cert, "-CAkey", ca.key, "-CAcreateserial", "-days", "2", "-extfile", extensions];
      openssl("x509", "-req", "-in", request, ...signing, "-out", own.cert);
      return own;
    },
  };
}
