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
import type { ProxyViewRef } from "../../src/shared/model/proxy.ts";
import type { RegistryChange } from "../../src/shared/model/push-request.ts";
import { changeEndpoint, type MeshSize, markedAddress, meshNodes, writeMesh } from "./synthetic-mesh.ts";

export interface LoadedMesh {
  readonly registry: Registry;
  /** Has built its first snapshot. */
  readonly snapshots: SnapshotBuilder;
  readonly view: ProxyViewRef;
  readonly hash: (bytes: Uint8Array) => string;
  /** Changes one endpoint's file, and gives what the registry says has changed. */
  changeEndpoint(serial: number): Promise<RegistryChange>;
  close(): void;
}

export async function loadMesh(size: MeshSize): Promise<LoadedMesh> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "mizzen-micro-"));
  writeMesh(folder, size);
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
  await source.start();
  const { h64ToString, h64Raw } = await xxhash();
  const snapshots = new SnapshotBuilder(registry);
  const planner = new MeshPlanner(registry, (text) => h64ToString(text).padStart(16, "0"));
  planner.advance(snapshots.build().version, undefined);
  const node = meshNodes(size, 1)[0]!;
  const proxy = identityOf({
    ...node,
    locality: { region: "", zone: "", subZone: "" },
    extensions: null,
    userAgentName: "envoy",
  });
  return {
    registry,
    snapshots,
    view: planner.viewOf(proxy),
    hash: (bytes) => h64Raw(bytes).toString(16).padStart(16, "0"),
    changeEndpoint: (serial) =>
      new Promise((resolve) => {
        onChange = resolve;
        changeEndpoint(folder, size, serial % size.services, markedAddress(serial));
      }),
    close() {
      source.close();
      mesh.close();
      fs.rmSync(folder, { recursive: true, force: true });
    },
  };
}
