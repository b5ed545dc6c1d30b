// Reads the authorization fixtures, and builds for one case the filters of its workload.
import fs from "node:fs";
import path from "node:path";
import { isDeepStrictEqual } from "node:util";
import protobuf from "protobufjs";
import protojson from "protobufjs/ext/protojson.js";
import { parse, parseAllDocuments } from "yaml";
import type { Mesh_MeshConfig, Security_AuthorizationPolicy } from "../../src/shared/gen/istio.js";
import type { ConfigObject } from "../../src/shared/model/config.ts";
import { customFilters } from "../../src/workers/filters/authorization/custom-action.ts";
import { localFilters } from "../../src/workers/filters/authorization/rbac-filters.ts";
import type { Layer } from "../../src/workers/filters/authorization/terms.ts";
import type { NamedFilter } from "../../src/workers/filters/peer-metadata.ts";
import { workloadPolicies } from "../../src/workers/scope/workload-policies.ts";
import { repositoryRoot } from "../support/repository.ts";
import { meshSettings, objectsOf, WorkerMesh } from "../support/worker-mesh.ts";

export interface AuthzCase {
  readonly name: string;
  readonly input: readonly string[];
  readonly expected: readonly string[];
  readonly options: {
    readonly filter: Layer;
    readonly builder: "local" | "custom";
    readonly workload: { readonly namespace: string; readonly labels: Readonly<Record<string, string>> };
    readonly rootNamespace: string;
    readonly trustDomain: { readonly trustDomain: string; readonly aliases: readonly string[] } | null;
    readonly meshConfig: Mesh_MeshConfig | null;
    readonly services: readonly { readonly hostname: string; readonly namespace: string }[];
  };
}

export interface AuthzOutcome {
  readonly equal: boolean;
  readonly expected: readonly unknown[];
  readonly actual: readonly unknown[];
}

export function readAuthzSuite(folder: string): readonly AuthzCase[] {
  const index = JSON.parse(fs.readFileSync(path.join(folder, "index.json"), "utf8")) as { cases: AuthzCase[] };
  return index.cases;
}

export function runAuthzCase(folder: string, one: AuthzCase): AuthzOutcome {
  const { filter: layer, builder, workload, trustDomain } = one.options;
  const ctx = meshOf(folder, one).context();
  const policies = workloadPolicies<Security_AuthorizationPolicy>(ctx, "AuthorizationPolicy", workload);
  const trustDomains = trustDomain ? [trustDomain.trustDomain, ...trustDomain.aliases] : [];
  const filters =
    builder === "custom"
      ? customFilters(
          ctx,
          policies.filter((policy) => policy.spec.action === "CUSTOM"),
          layer,
          trustDomains,
        ).filters
      : localFilters(policies, layer, trustDomains);
  const expected = one.expected.map((name) => expectedFilter(path.join(folder, name)));
  const actual = filters.map(actualFilter);
  return { equal: isDeepStrictEqual(actual, expected), expected, actual };
}

/** Policies as they are written: some of the fixtures aren't valid. */
function meshOf(folder: string, one: AuthzCase): WorkerMesh {
  const { services, meshConfig, rootNamespace } = one.options;
  const entries = objectsOf(
    services.map(({ hostname, namespace }) => ({
      apiVersion: "networking.istio.io/v1",
      kind: "ServiceEntry",
      metadata: { name: hostname.split(".")[0], namespace },
      spec: { hosts: [hostname], ports: [{ number: 9000, name: "grpc", protocol: "GRPC" }], resolution: "DNS" },
    })),
  );
  const policies = one.input.flatMap((name) =>
    parseAllDocuments(fs.readFileSync(path.join(folder, name), "utf8")).flatMap((document) => {
      const raw = document.toJS() as RawPolicy | null;
      return raw ? [policyObject(raw)] : [];
    }),
  );
  const settings = meshSettings();
  return new WorkerMesh([...entries, ...policies], {
    ...settings,
    rootNamespace,
    mesh: { ...settings.mesh, ...meshConfig },
  });
}

interface RawPolicy {
  readonly apiVersion: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec: Security_AuthorizationPolicy;
}

function policyObject({ apiVersion, metadata, spec }: RawPolicy): ConfigObject {
  const { name, namespace, annotations = {} } = metadata;
  const meta = { name, namespace, labels: {}, annotations, creationTimestamp: 0, resourceVersion: "" };
  return { kind: "AuthorizationPolicy", apiVersion, meta, spec, origin: { source: "fixture" } };
}

interface FilterJson {
  readonly name: string;
  readonly typedConfig: Readonly<Record<string, unknown>>;
}

let root: protobuf.Root | undefined;

function messageOf(url: string): protobuf.Type {
  root ??= readMessages();
  return root.lookupType(url.slice(url.lastIndexOf("/") + 1));
}

function readMessages(): protobuf.Root {
  const file = path.join(repositoryRoot(), "src/shared/gen/descriptors.json");
  const messages = protobuf.Root.fromJSON(JSON.parse(fs.readFileSync(file, "utf8")) as protobuf.INamespace);
  messages.resolveAll();
  return messages;
}

/** Both sides go through the message, so that what means the same reads the same. */
function expectedFilter(file: string): unknown {
  const { name, typedConfig } = parse(fs.readFileSync(file, "utf8")) as FilterJson;
  const { "@type": url, ...content } = typedConfig;
  const type = messageOf(String(url));
  return { name, url, config: protojson.toJson(type, protojson.fromJson(type, content)) };
}

function actualFilter({ name, typedConfig }: NamedFilter): unknown {
  const type = messageOf(typedConfig.type_url);
  return { name, url: typedConfig.type_url, config: protojson.toJson(type, type.decode(typedConfig.value)) };
}
