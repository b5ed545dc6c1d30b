// A synthetic mesh in this process, as far as a snapshot: for measuring single steps.
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import xxhash from "xxhash-wasm";
import { watchMeshFiles } from "../../src/main/config/mesh-settings.ts";
import { parseOptions } from "../../src/main/config/options.ts";
import { MeshPlanner } from "../../src/main/push/planner.ts";
import { SnapshotBuilder } from "../../src/main/push/snapshot-builder.ts";
import { Registry } from "../../src/main/registry/registry.ts";
import { createFileSource } from "../../src/main/sources/file/file-source.ts";
import { identityOf } from "../../src/main/streams/proxy-identity.ts";
import { createLogging } from "../../src/main/telemetry/log.ts";
import { loadDescriptors } from "../../src/main/validation/structural/descriptors.ts";
import { createValidator } from "../../src/main/validation/validate-object.ts";
import type { SourceDelta } from "../../src/shared/model/delta.ts";
import type { ProxyIdentity, ProxyViewRef } from "../../src/shared/model/proxy.ts";
import type { RegistryChange } from "../../src/shared/model/push-request.ts";
import type { SnapshotHandle } from "../../src/shared/snapshot/handle.ts";
import { own } from "../lib/owned.ts";
import { changeOf } from "../mesh/changes.ts";
import { MeshFolder } from "../mesh/mesh-folder.ts";
import { nodesOf } from "../mesh/nodes.ts";
import type { MeshShape } from "../mesh/shape.ts";

export interface LoadedMesh {
  readonly registry: Registry;
  readonly snapshots: SnapshotBuilder;
  /** Has taken note of the first snapshot only. */
  readonly planner: MeshPlanner;
  /** The first snapshot, for a worker that has none. */
  readonly complete: SnapshotHandle;
  /** One endpoint's change: what the registry says of it, and the step to the snapshot with it. */
  readonly change: RegistryChange;
  readonly step: SnapshotHandle;
  readonly proxies: readonly ProxyIdentity[];
  readonly view: ProxyViewRef;
  /** As the workers hash resources. */
  readonly hash: (bytes: Uint8Array) => string;
}

const PROXIES = 1000;

export async function loadMesh(shape: MeshShape): Promise<LoadedMesh> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "mizzen-micro-"));
  const release = own(() => fs.rmSync(folder, { recursive: true, force: true }));
  const written = new MeshFolder(folder, shape);
  const files = { configDir: path.join(folder, "config"), meshConfig: path.join(folder, "mesh.yaml"), registries: "" };
  const options = parseOptions(files, { POD_NAMESPACE: "istio-system" });
  const log = createLogging({ defaultLevel: "none", levels: new Map(), json: false })("default");
  const descriptors = loadDescriptors();
  const mesh = watchMeshFiles({ source: options, descriptors, log, changed: () => undefined });
  const registry = new Registry(mesh.current());
  let onChange: (change: RegistryChange) => void = () => undefined;
  const source = createFileSource({
    dir: options.configDir,
    log,
    now: () => performance.now(),
    validate: createValidator({ descriptors, features: options.features }),
    sink: { apply: (delta: SourceDelta) => onChange(registry.apply(delta)), rejected: () => undefined },
  });
  try {
    await source.start();
    const { h64ToString, h64Raw } = await xxhash();
    const snapshots = new SnapshotBuilder(registry);
    const complete = { ...snapshots.build().step, baseVersion: 0 };
    const planner = new MeshPlanner(registry, (text) => h64ToString(text));
    planner.advance(complete.version, undefined);
    const proxies = nodesOf(shape, "sidecar", PROXIES).map((node) =>
      identityOf({ ...node, extensions: null, userAgentName: "envoy" }),
    );
    const view = planner.viewOf(proxies[0]!);
    const change = await new Promise<RegistryChange>((resolve) => {
      onChange = resolve;
      changeOf("endpoint", written, 1).make();
    });
    const { step } = snapshots.build(change);
    const hash = (bytes: Uint8Array): string => h64Raw(bytes).toString(16).padStart(16, "0");
    return { registry, snapshots, planner, complete, change, step, proxies, view, hash };
  } finally {
    source.close();
    mesh.close();
    release();
  }
}
