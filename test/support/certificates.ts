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

export interface Authority {
  readonly cert: string;
  /** A certificate for a host, or one for whatever else `alternative` names, such as `URI:spiffe://…`. */
  sign(name: string, alternative?: string): Certificate;
}

/** An authority in a folder. */
export function certificateAuthority(folder: string): Authority {
  const file = (name: string): string => path.join(folder, name);
  const openssl = (...args: readonly string[]): void => {
    execFileSync("openssl", args, { stdio: ["ignore", "ignore", "pipe"] });
  };
  const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  const ca = { cert: file("ca.pem"), key: file("ca.key") };
  openssl("req", "-x509", ...newKey, "-subj", "/CN=test authority", "-days", "2", "-keyout", ca.key, "-out", ca.cert);
  return {
    cert: ca.cert,
    sign(name, alternative = `DNS:${name}`) {
      const own = { cert: file(`${name}.pem`), key: file(`${name}.key`) };
      const [request, extensions] = [file(`${name}.csr`), file(`${name}.ext`)];
      fs.writeFileSync(extensions, `subjectAltName=${alternative}\n`);
      openssl("req", "-new", ...newKey, "-subj", `/CN=${name}`, "-keyout", own.key, "-out", request);
      const signing = ["-CA", ca.cert, "-CAkey", ca.key, "-CAcreateserial", "-days", "2", "-extfile", extensions];
      openssl("x509", "-req", "-in", request, ...signing, "-out", own.cert);
      return own;
    },
  };
}
