// What a sample folder describes: the workloads that have to be served, and where the gateway listens. Main thread.
import fs from "node:fs";
import path from "node:path";
import { MizzenError } from "../../shared/errors.ts";
import { parseYaml, splitDocuments } from "../config/yaml-documents.ts";

/** One sample service: what a pod of the sample would run. */
export interface SampleWorkload {
  readonly app: string;
  readonly version: string;
  readonly address: string;
  readonly port: number;
}

export interface Sample {
  readonly configDir: string;
  readonly meshConfig: string;
  readonly workloads: readonly SampleWorkload[];
  /** The first port of the first Gateway. */
  readonly gateway: { readonly address: string; readonly port: number };
  /** The file that one edits to shift traffic: the one with a VirtualService that has weights. */
  readonly routeFile: string;
}

interface SampleObject {
  readonly file: string;
  readonly kind: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly raw: RawObject;
}

// biome-ignore lint/suspicious/noExplicitAny: the files are our own, and read for four fields.
type RawObject = any;

/** Reads `folder`, which has mesh.yaml and config/. Throws MIZZEN_ERR_OPTIONS where it is no sample. */
export function readSample(folder: string): Sample {
  const configDir = path.join(folder, "config");
  const meshConfig = path.join(folder, "mesh.yaml");
  if (!fs.existsSync(configDir) || !fs.existsSync(meshConfig)) {
    throw new MizzenError("MIZZEN_ERR_OPTIONS", `${folder} is no sample: it has no mesh.yaml or no folder config`);
  }
  const objects = readObjects(configDir);
  const gateway = objects.find((object) => object.kind === "Gateway")?.raw.spec?.servers?.[0];
  if (!gateway) throw new MizzenError("MIZZEN_ERR_OPTIONS", `${configDir} has no Gateway`);
  const pods = new Map(objects.filter((object) => object.kind === "Pod").map((pod) => [pod.name, pod]));
  const workloads = objects
    .filter((object) => object.kind === "EndpointSlice")
    .flatMap((slice) =>
      (slice.raw.endpoints ?? []).map((endpoint: RawObject) => {
        const pod = pods.get(endpoint.targetRef?.name);
        const [address, port] = [endpoint.addresses?.[0], slice.raw.ports?.[0]?.port];
        return { app: pod?.labels.app ?? "", version: pod?.labels.version ?? "", address, port };
      }),
    );
  const weighted = objects.find(
    (object) => object.kind === "VirtualService" && JSON.stringify(object.raw.spec).includes('"weight"'),
  );
  return {
    configDir,
    meshConfig,
    workloads,
    gateway: { address: gateway.bind ?? "127.0.0.1", port: gateway.port.number },
    routeFile: weighted?.file ?? configDir,
  };
}

function readObjects(configDir: string): readonly SampleObject[] {
  const objects: SampleObject[] = [];
  for (const name of fs.readdirSync(configDir).sort()) {
    if (!/\.ya?ml$/.test(name)) continue;
    const file = path.join(configDir, name);
    for (const document of splitDocuments(fs.readFileSync(file, "utf8"))) {
      const parsed = parseYaml(document);
      // What doesn't parse is for the control plane to report.
      if (!parsed.ok || parsed.value === null || typeof parsed.value !== "object") continue;
      const raw = parsed.value as RawObject;
      objects.push({ file, kind: raw.kind, name: raw.metadata?.name, labels: raw.metadata?.labels ?? {}, raw });
    }
  }
  return objects;
}
