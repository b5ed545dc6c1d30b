// A file source over a temporary folder, with a sink that keeps what it gets and lets tests wait for it.
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import type { TestContext } from "node:test";
import { createFileSource, type FileSource } from "../../../../src/main/sources/file/file-source.ts";
import type { Logger } from "../../../../src/main/telemetry/log.ts";
import { loadDescriptors } from "../../../../src/main/validation/structural/descriptors.ts";
import { createValidator } from "../../../../src/main/validation/validate-object.ts";
import { keyString } from "../../../../src/shared/model/config.ts";
import type { MeshObject, Rejection, SourceDelta } from "../../../../src/shared/model/delta.ts";

export const validate = createValidator({
  descriptors: loadDescriptors(),
  features: { ipAutoAllocate: true, wildcardHostServiceEntriesForTls: false },
});

export interface Harness {
  readonly dir: string;
  readonly source: FileSource;
  readonly deltas: SourceDelta[];
  /** In force, by `Kind/namespace/name`. */
  readonly objects: Map<string, MeshObject>;
  readonly rejections: Map<string, readonly Rejection[]>;
  /** Resolves when the condition holds, which is looked at after each thing that the source hands on. */
  until(condition: () => boolean): Promise<void>;
  write(name: string, text: string): void;
  /** Writes beside the file, then renames over it. */
  replace(name: string, text: string): void;
  file(name: string): string;
}

export interface HarnessOptions {
  readonly dir?: string;
  readonly removalDelayMs?: number;
}

/** Makes a folder (or takes one) and a source for it, both gone after the test. The source isn't started. */
export function makeHarness(t: TestContext, options: HarnessOptions = {}): Harness {
  const dir = options.dir ?? fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), "mizzen-file-")));
  const deltas: SourceDelta[] = [];
  const objects = new Map<string, MeshObject>();
  const rejections = new Map<string, readonly Rejection[]>();
  const waiting = new Set<() => void>();
  const changed = (): void => {
    for (const look of waiting) look();
  };
  const source = createFileSource({
    dir,
    log: silentLog,
    now: () => performance.now(),
    validate,
    removalDelayMs: options.removalDelayMs ?? 5,
    sink: {
      apply(delta) {
        deltas.push(delta);
        for (const object of delta.upserts)
          objects.set(`${object.kind}/${object.meta.namespace}/${object.meta.name}`, object);
        for (const key of delta.deletes) objects.delete(keyString(key));
        changed();
      },
      rejected(file, list) {
        if (list.length === 0) rejections.delete(file);
        else rejections.set(file, list);
        changed();
      },
    },
  });
  t.after(() => {
    source.close();
    fs.rmSync(dir, { recursive: true, force: true });
  });
  const file = (name: string): string => path.join(dir, name);
  return {
    dir,
    source,
    deltas,
    objects,
    rejections,
    file,
    until(condition) {
      return new Promise((resolve) => {
        const look = (): void => {
          if (!condition()) return;
          waiting.delete(look);
          resolve();
        };
        waiting.add(look);
        look();
      });
    },
    write: (name, text) => fs.writeFileSync(file(name), text),
    replace(name, text) {
      const temporary = path.join(path.dirname(file(name)), ".new");
      fs.writeFileSync(temporary, text);
      fs.renameSync(temporary, file(name));
    },
  };
}

export const silentLog: Logger = {
  error: () => undefined,
  warn: () => undefined,
  info: () => undefined,
  debug: () => undefined,
};

/** A ServiceEntry document. */
export function serviceEntry(name: string, host = `${name}.example.com`): string {
  return `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata:
  name: ${name}
  namespace: shop
spec:
  hosts:
  - ${host}
  ports:
  - number: 80
    name: http
    protocol: HTTP
  resolution: DNS
`;
}

/** A VirtualService document with a weight. */
export function virtualService(name: string, weight: number | string = 100): string {
  return `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  name: ${name}
  namespace: shop
spec:
  hosts:
  - ${name}.example.com
  http:
  - route:
    - destination:
        host: ${name}.example.com
      weight: ${weight}
`;
}
