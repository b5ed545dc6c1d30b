// PCDS: the certificate authorities that proxies trust beside the mesh's own. Worker threads.
// https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#MeshConfig-CertificateData
import { X509Certificate } from "node:crypto";
import protobuf from "protobufjs/minimal.js";
import { errorMessage } from "../../../shared/errors.ts";
import type { MeshSettings } from "../../../shared/model/mesh.ts";
import type { Generator } from "../generator.ts";

/** The bundle is the type's only resource, and has no name. */
const BUNDLE = "";
/** `istio.mesh.v1alpha1.ProxyConfig.ca_certificates_pem`; nothing else of the message is sent. */
const CA_CERTIFICATES_PEM = (34 << 3) | 2;
const CERTIFICATE = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;

interface Bundle {
  readonly bytes: Uint8Array;
  readonly problems: readonly string[];
}

/** Of each state of the mesh's settings: it doesn't depend on who asks. */
const bundles = new WeakMap<MeshSettings, Bundle>();

/** Agents ask for it; it is theirs only with ISTIO_MULTIROOT_MESH. */
export const generateTrustBundle: Generator = ({ ctx: { mesh } }, sink) => {
  if (!mesh.features.multiRootMesh) return;
  let bundle = bundles.get(mesh);
  if (!bundle) {
    bundle = bundleOf(mesh);
    bundles.set(mesh, bundle);
  }
  for (const problem of bundle.problems) sink.warn("", problem);
  sink.addBytes(BUNDLE, bundle.bytes);
};

function bundleOf({ mesh }: MeshSettings): Bundle {
  const anchors = new Set<string>();
  const problems: string[] = [];
  (mesh.caCertificates ?? []).forEach(({ pem, spiffeBundleUrl }, index) => {
    const field = `MeshConfig: caCertificates[${index}]`;
    if (spiffeBundleUrl !== undefined) problems.push(`${field}.spiffeBundleUrl: bundles aren't fetched`);
    if (pem === undefined) return;
    const found = pem.match(CERTIFICATE) ?? [];
    if (found.length === 0) problems.push(`${field}.pem: holds no certificate`);
    for (const one of found) {
      const fault = faultOf(one);
      if (fault === undefined) anchors.add(`${one}\n`);
      else problems.push(`${field}.pem: ${fault}`);
    }
  });
  const writer = protobuf.Writer.create();
  for (const anchor of [...anchors].sort()) writer.uint32(CA_CERTIFICATES_PEM).string(anchor);
  return { bytes: writer.finish(), problems };
}

/** Why a certificate can't be trusted to sign others; undefined when it can. */
function faultOf(pem: string): string | undefined {
  try {
    return new X509Certificate(pem).ca ? undefined : "is no certificate of an authority";
  } catch (error) {
    return `cannot be read: ${errorMessage(error)}`;
  }
}
