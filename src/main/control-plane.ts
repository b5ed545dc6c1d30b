// The control plane as a whole: builds each part, connects them from left to right, starts and drains. Main thread.
import xxhash from "xxhash-wasm";
import { errorMessage } from "../shared/errors.ts";
import type { Rejection, SourceDelta } from "../shared/model/delta.ts";
import type { PushRequest, RegistryChange } from "../shared/model/push-request.ts";
import { HttpServer, jsonAnswer, type Route } from "./admin/http-server.ts";
import { Readiness } from "./admin/readiness.ts";
import { registryView } from "./admin/registry-views.ts";
import { ResourceCache } from "./cache/resource-cache.ts";
import { watchMeshFiles } from "./config/mesh-settings.ts";
import type { ListenAddress, Options } from "./config/options.ts";
import { Debouncer } from "./debounce/debouncer.ts";
import { WorkerPool } from "./pool/worker-pool.ts";
import { MeshPlanner } from "./push/planner.ts";
import { createResourceProvider } from "./push/resource-provider.ts";
import { SnapshotBuilder } from "./push/snapshot-builder.ts";
import { Registry } from "./registry/registry.ts";
import { createFileSource } from "./sources/file/file-source.ts";
import { AdsServer } from "./streams/ads-server.ts";
import { NameLists } from "./streams/name-lists.ts";
import { PushQueue } from "./streams/push-queue.ts";
import { encodeControlPlane } from "./streams/response-wire.ts";
import type { StreamObserver } from "./streams/stream-observer.ts";
import { StreamSet } from "./streams/stream-set.ts";
import type { Logging } from "./telemetry/log.ts";
import { loadDescriptors } from "./validation/structural/descriptors.ts";
import { createValidator } from "./validation/validate-object.ts";

/** Bytes of generated resources that the cache holds at most. */
const CACHE_BYTES = 512 * 1024 * 1024;

export interface ControlPlaneDeps {
  readonly logging: Logging;
  /** Milliseconds, monotonic; performance.now when absent. */
  readonly now?: () => number;
}

/** Where the servers listen; absent where one is turned off. */
export interface Addresses {
  readonly grpc?: ListenAddress;
  readonly http?: ListenAddress;
  readonly monitoring?: ListenAddress;
}

export interface ControlPlane {
  readonly addresses: Addresses;
  /** True once the first snapshot is served. */
  readonly isReady: boolean;
  /** Resolves when it is ready. */
  ready(): Promise<void>;
  /** Drains the streams, and ends all threads and servers. */
  close(): Promise<void>;
}

/** Starts all parts; resolves when the servers listen and the configuration that is there is served. */
export async function startControlPlane(options: Options, deps: ControlPlaneDeps): Promise<ControlPlane> {
  const { logging, now = () => performance.now() } = deps;
  const log = logging("default");
  const readiness = new Readiness();
  const synced = readiness.hold("configuration");
  const startedAt = new Date();

  // The threads load their modules while configuration is read.
  const pool = new WorkerPool({ workers: options.workers, log: logging("pool") });
  const descriptors = loadDescriptors();
  let push: (change: RegistryChange) => void = () => undefined;
  const mesh = watchMeshFiles({
    source: options,
    descriptors,
    log: logging("config"),
    changed: (settings, _change) => push(registry.setMesh(settings)),
  });
  const registry = new Registry(mesh.current());
  const { h64ToString } = await xxhash();
  const snapshots = new SnapshotBuilder(registry);
  const planner = new MeshPlanner(registry, (text) => h64ToString(text).padStart(16, "0"));
  const provider = createResourceProvider({
    cache: new ResourceCache({ maxEntries: options.xdsCacheSize, maxBytes: CACHE_BYTES }),
    backend: pool,
    versions: planner,
  });

  const queue = new PushQueue({
    limit: options.pushThrottle,
    now,
    onError: (error) => logging("push").error({ error: errorMessage(error) }, "serving a proxy failed"),
  });
  const streams = new StreamSet();

  const http = new HttpServer(
    new Map<string, Route>([
      [
        "/ready",
        () =>
          readiness.isReady
            ? { body: "ready\n" }
            : { status: 503, body: `waiting for ${readiness.awaited().join(", ")}\n` },
      ],
      ["/debug/registryz", () => jsonAnswer(registryView(registry))],
    ]),
    logging("admin"),
  );
  const addresses: { grpc?: ListenAddress; http?: ListenAddress; monitoring?: ListenAddress } = {};
  if (options.httpAddress) addresses.http = await http.listen(options.httpAddress);

  const file =
    options.configDir === ""
      ? undefined
      : createFileSource({
          dir: options.configDir,
          log: logging("file"),
          now,
          validate: createValidator({ descriptors, features: options.features }),
          sink: {
            apply: (delta: SourceDelta) => push(registry.apply(delta)),
            rejected: (source: string, rejections: readonly Rejection[]) => {
              for (const r of rejections) logging("file").error({ ...r, source }, "configuration rejected");
            },
          },
        });
  await file?.start();

  // Now all that is there is in the registry; from here on, changes are pushed.
  const first = snapshots.build();
  planner.advance(first.version, undefined);
  pool.publish(first);
  await pool.warm();
  const debouncer = new Debouncer({
    afterMs: options.debounceAfterMs,
    maxMs: options.debounceMaxMs,
    endpoints: options.debounceEndpoints,
    now,
    push: (request: PushRequest) => {
      const snapshot = snapshots.build(request.change);
      planner.advance(snapshot.version, request.change);
      pool.publish(snapshot);
      streams.publish({ snapshot, request });
    },
  });
  push = (change) => debouncer.offer(change);

  const ads = new AdsServer(
    {
      maxRecvBytes: options.grpcMaxRecvBytes,
      maxStreams: options.grpcMaxStreams,
      maxRequestsPerSecond: options.maxRequestsPerSecond,
      keepaliveIntervalMs: options.keepaliveIntervalMs,
      keepaliveTimeoutMs: options.keepaliveTimeoutMs,
      maxConnectionAgeMs: options.maxConnectionAgeMs,
      log: logging("ads"),
    },
    streams,
    {
      snapshots,
      planner,
      provider,
      queue,
      observer: logObserver(logging),
      lists: new NameLists(),
      schedule: (ms, run) => {
        const timer = setTimeout(run, ms);
        return () => clearTimeout(timer);
      },
      now,
      versionPrefix: startedAt.toISOString(),
      controlPlane: encodeControlPlane(JSON.stringify({ Component: "mizzen", ID: options.podName })),
    },
  );
  if (options.grpcAddress) addresses.grpc = await ads.listen(options.grpcAddress);
  synced();
  log.info({ ...addresses }, "ready");

  return {
    addresses,
    get isReady() {
      return readiness.isReady;
    },
    ready: () => readiness.whenReady(),
    async close() {
      debouncer.close();
      file?.close();
      mesh.close();
      await ads.shutdown(options.shutdownMs);
      await http.close();
      await pool.close();
    },
  };
}

function logObserver(logging: Logging): StreamObserver {
  const log = logging("ads");
  return {
    connected: (s) => log.info({ proxy: s.connectionId }, "connected"),
    disconnected: (s) => log.info({ proxy: s.connectionId }, "disconnected"),
    sent: (s, i) => log.debug({ proxy: s.connectionId, type: i.type, resources: i.names.length }, "sent"),
    settled: (s, type, _r, error) => {
      if (error) log.warn({ proxy: s.connectionId, type, reason: error.message }, "rejected by the proxy");
    },
    stale: (s, type, nonce) => log.debug({ proxy: s.connectionId, type, nonce }, "stale nonce"),
    subscribed: () => undefined,
    unknownType: (s, typeUrl) => log.debug({ proxy: s.connectionId, typeUrl }, "unknown type"),
    failed: (s, type, error) => log.error({ proxy: s.connectionId, type, error: error.message }, "generation failed"),
    served: () => undefined,
  };
}
