// The control plane as a whole: builds each part, connects them from left to right, starts and drains. Main thread.
import xxhash from "xxhash-wasm";
import { errorMessage, type MizzenError } from "../shared/errors.ts";
import type { ProxyViewRef } from "../shared/model/proxy.ts";
import { startAdminServers } from "./admin/admin-servers.ts";
import { debugRoutes } from "./admin/debug-routes.ts";
import { Profiler } from "./admin/pprof.ts";
import { Readiness } from "./admin/readiness.ts";
import { ResourceCache } from "./cache/resource-cache.ts";
import { type MeshWatch, watchMeshFiles } from "./config/mesh-settings.ts";
import type { ListenAddress, Options } from "./config/options.ts";
import { Debouncer } from "./debounce/debouncer.ts";
import { WorkerPool } from "./pool/worker-pool.ts";
import { warnOnce } from "./push/generation-warnings.ts";
import { MeshPlanner } from "./push/planner.ts";
import { PushLedger } from "./push/push-ledger.ts";
import { EVERYTHING, PushStage } from "./push/push-stage.ts";
import { createResourceProvider } from "./push/resource-provider.ts";
import { SnapshotBuilder } from "./push/snapshot-builder.ts";
import { Intake } from "./registry/intake.ts";
import { Registry } from "./registry/registry.ts";
import { createDnsClient } from "./sources/dns/dns-client.ts";
import { type DnsAnswer, FollowedNames } from "./sources/dns/followed-names.ts";
import { createFileSource, type FileSource } from "./sources/file/file-source.ts";
import { Admission } from "./streams/admission.ts";
import { AdsServer } from "./streams/ads-server.ts";
import { NameSets } from "./streams/name-sets.ts";
import { PushQueue } from "./streams/push-queue.ts";
import { ReadPace } from "./streams/read-pace.ts";
import { encodeControlPlane } from "./streams/response-wire.ts";
import { StreamSet } from "./streams/stream-set.ts";
import { StreamTelemetry } from "./streams/stream-telemetry.ts";
import { typicalProxy } from "./streams/typical-proxy.ts";
import { WriteBudget } from "./streams/write-budget.ts";
import type { Logging } from "./telemetry/log.ts";
import { createMetrics } from "./telemetry/metrics.ts";
import { registerProcessMetrics } from "./telemetry/metrics-process.ts";
import { type Descriptors, loadDescriptors } from "./validation/structural/descriptors.ts";
import { createValidator } from "./validation/validate-object.ts";

/** What a control plane is given besides its options. */
export interface ControlPlaneDeps {
  readonly logging: Logging;
  /** Milliseconds, monotonic; performance.now when absent. */
  readonly now?: () => number;
  /** Milliseconds since the epoch; Date.now when absent. */
  readonly wallClock?: () => number;
  /** As `mizzen version` says it; "unknown" when absent. */
  readonly version?: string;
  /** Asks DNS; the system's servers when absent. */
  readonly resolveName?: (name: string) => Promise<DnsAnswer>;
}

/** Where the servers listen; absent where one is turned off. */
export interface Addresses {
  readonly grpc?: ListenAddress;
  readonly http?: ListenAddress;
  readonly monitoring?: ListenAddress;
}

/** A running control plane. */
export interface ControlPlane {
  readonly addresses: Addresses;
  /** True once the first snapshot is served. */
  readonly isReady: boolean;
  /** For tests and fault drills. */
  readonly pool: WorkerPool;
  /** Resolves with the reason when it can't go on; never while all is well. */
  readonly failed: Promise<MizzenError>;
  /** Resolves when it is ready. */
  ready(): Promise<void>;
  /** Drains the streams, and ends all threads and servers. */
  close(): Promise<void>;
}

/** Starts all parts; resolves when the servers listen and the configuration that is there is served. */
export async function startControlPlane(options: Options, deps: ControlPlaneDeps): Promise<ControlPlane> {
  const parts: (() => Promise<void> | void)[] = [];
  const closeAll = async (): Promise<void> => {
    // What was started last is ended first.
    for (const close of parts.splice(0).reverse()) await close();
  };
  try {
    const { addresses, pool, readiness, failed } = await start(options, deps, (close) => parts.push(close));
    return {
      addresses,
      pool,
      failed,
      get isReady() {
        return readiness.isReady;
      },
      ready: () => readiness.whenReady(),
      close: closeAll,
    };
  } catch (error) {
    await closeAll();
    throw error;
  }
}

type OnClose = (close: () => Promise<void> | void) => void;

async function start(options: Options, deps: ControlPlaneDeps, onClose: OnClose) {
  const { logging, now = () => performance.now(), wallClock = () => Date.now(), version = "unknown" } = deps;
  const began = now();
  let fail: (error: MizzenError) => void = () => undefined;
  const failed = new Promise<MizzenError>((resolve) => {
    fail = resolve;
  });
  const readiness = new Readiness();
  const configured = readiness.hold("configuration");

  const cache = new ResourceCache({ maxEntries: options.xdsCacheSize, maxBytes: options.xdsCacheMegabytes * 2 ** 20 });
  const admission = new Admission({ schedule, now });
  const metrics = createMetrics({
    version,
    services: () => registry.services.count,
    virtualServices: () => registry.objects.count("VirtualService"),
    cache: () => cache.stats(),
    workers: () => pool.stats(),
    connectionsWaiting: () => admission.size,
  });
  onClose(registerProcessMetrics(metrics.registry));
  // The threads load their modules while configuration is read.
  const pool = new WorkerPool({
    workers: options.workers,
    log: logging("pool"),
    onTask: (queueMs, runMs) => {
      metrics.workerQueueTime.observe(queueMs / 1000);
      metrics.workerTaskTime.observe(runMs / 1000);
    },
    onLongTask: () => metrics.longTasks.inc(),
    onWorkerLost: () => metrics.workersLost.inc(),
    onBroken: (error) => {
      logging("pool").error({ reason: error.message }, "nothing can be generated any more");
      fail(error);
    },
  });
  onClose(() => pool.close());

  const descriptors = loadDescriptors();
  const mesh = followMesh(options, descriptors, logging, (settings) => intake.setMesh(settings));
  onClose(() => mesh.close());
  const registry = new Registry(mesh.current());
  const { h64ToString } = await xxhash();
  const snapshots = new SnapshotBuilder(registry);
  const planner = new MeshPlanner(registry, (text) => h64ToString(text));
  const provider = createResourceProvider({
    cache,
    backend: pool,
    versions: planner,
    hash: h64ToString,
    onWarnings: warnOnce(logging("model")),
  });
  const ledger = new PushLedger();
  const streams = new StreamSet();
  const telemetry = new StreamTelemetry({ ads: logging("ads"), push: logging("push"), ledger, metrics, now });
  const stage = new PushStage({
    snapshots,
    planner,
    ledger,
    metrics,
    toWorkers: (snapshot) => pool.publish(snapshot),
    toStreams: async (publication) => {
      const connected = streams.size;
      return { connected, affected: await streams.publish(publication, now) };
    },
    views: () => viewsOf(streams, planner),
    provider,
    done: (record) => telemetry.pushDone(record),
    now,
    wallClock,
  });
  const debouncer = new Debouncer({
    afterMs: options.debounceAfterMs,
    maxMs: options.debounceMaxMs,
    endpoints: options.debounceEndpoints,
    now,
    push: (request) => stage.push(request),
    onError: (error) => {
      metrics.internalErrors.inc();
      logging("push").error({ error: errorMessage(error) }, "a push failed; the next one looks at everything");
    },
  });
  onClose(() => debouncer.close());
  // Until the first snapshot, changes only gather in the registry.
  let serving = false;
  const dns = createDnsClient();
  onClose(() => dns.close());
  const names = new FollowedNames({
    resolve: deps.resolveName ?? dns.resolve,
    schedule,
    changed: (addresses) => intake.resolved(addresses),
    log: logging("config"),
  });
  onClose(() => names.close());
  const followNames = (wanted: readonly string[]): void => {
    if (options.resolveGatewayNames) names.follow(wanted);
  };
  const intake = new Intake({
    registry,
    log: logging("config"),
    metrics,
    changed: (change) => {
      if (serving) debouncer.offer(change);
    },
    names: followNames,
  });
  followNames(registry.gatewayNames);

  const profiler = options.profile ? new Profiler(pool.profiles) : undefined;
  onClose(() => profiler?.close());
  const admin = await startAdminServers({
    httpAddress: options.httpAddress,
    monitoringAddress: options.monitoringAddress,
    readiness,
    metrics,
    debug: debugRoutes({
      registry,
      intake,
      streams,
      ledger,
      cache,
      snapshots,
      planner,
      provider,
      profiler,
      pushAll: () => debouncer.offer(EVERYTHING),
    }),
    version,
    log: logging("admin"),
  });
  onClose(() => admin.close());

  if (options.registries.includes("Kubernetes")) {
    logging("default").warn({}, "there is no Kubernetes registry yet: only --configDir is read");
  }
  const file = followFolder(options, descriptors, logging, now, intake);
  if (file) onClose(() => file.close());
  await file?.start();
  stage.first();
  serving = true;
  const [service] = registry.services.all();
  const typical = typicalProxy(service?.namespace ?? "default", registry.mesh.domainSuffix);
  // What the workload itself has depends on all that the others do: of a namespace that sees what all see, as they see it.
  await pool.warm(planner.facetsOf(planner.viewOf(typical), "LDS").at(-1)?.ref);

  const queue = new PushQueue({
    limit: options.pushThrottle,
    now,
    onStart: (waitedMs) => metrics.queueTime.observe(waitedMs / 1000),
    onError: (error) => {
      metrics.internalErrors.inc();
      logging("push").error({ error: errorMessage(error) }, "serving a proxy failed");
    },
  });
  const ads = new AdsServer(
    {
      maxRecvBytes: options.grpcMaxRecvBytes,
      maxStreams: options.grpcMaxStreams,
      maxRequestsPerSecond: options.maxRequestsPerSecond,
      keepaliveIntervalMs: options.keepaliveIntervalMs,
      keepaliveTimeoutMs: options.keepaliveTimeoutMs,
      maxConnectionAgeMs: options.maxConnectionAgeMs,
      log: logging("ads"),
      onRequest: (bytes) => metrics.received(bytes),
      onRefused: () => metrics.refusedStreams.inc(),
    },
    streams,
    {
      snapshots,
      planner,
      provider,
      queue,
      observer: telemetry,
      budget: new WriteBudget({ schedule, now, soon: (run) => setImmediate(run) }),
      readPace: new ReadPace({
        busy: () => queue.size > 0,
        now,
        soon: setImmediate,
        schedule,
      }),
      admission,
      names: new NameSets(),
      schedule,
      now,
      versionInfo: versionsOf(new Date(wallClock()).toISOString()),
      controlPlane: encodeControlPlane(
        JSON.stringify({ Component: "mizzen", ID: options.podName, Info: { version, revision: options.revision } }),
      ),
    },
  );
  onClose(() => ads.shutdown(options.shutdownMs));
  const grpc = options.grpcAddress ? await ads.listen(options.grpcAddress) : undefined;

  const addresses: Addresses = {
    ...(grpc ? { grpc } : {}),
    ...(admin.http ? { http: admin.http } : {}),
    ...(admin.monitoring ? { monitoring: admin.monitoring } : {}),
  };
  configured();
  const took = now() - began;
  metrics.startup.set(took / 1000);
  logging("default").info(
    { ...Object.fromEntries(Object.entries(addresses).map(([name, at]) => [name, `${at.host}:${at.port}`])) },
    `ready in ${Math.round(took)} ms with ${registry.services.count} services`,
  );
  return { addresses, pool, readiness, failed };
}

/** `START/VERSION`; one string for all streams. */
function versionsOf(started: string): (version: number) => string {
  let last = { version: 0, text: "" };
  return (version) => {
    if (last.version !== version) last = { version, text: `${started}/${version}` };
    return last.text;
  };
}

function schedule(ms: number, run: () => void): () => void {
  const timer = setTimeout(run, ms);
  return () => clearTimeout(timer);
}

function* viewsOf(streams: StreamSet, planner: MeshPlanner): Iterable<ProxyViewRef> {
  for (const session of streams.all()) yield planner.viewOf(session.identity);
}

function followMesh(
  options: Options,
  descriptors: Descriptors,
  logging: Logging,
  changed: (settings: ReturnType<MeshWatch["current"]>) => void,
): MeshWatch {
  return watchMeshFiles({ source: options, descriptors, log: logging("config"), changed });
}

function followFolder(
  options: Options,
  descriptors: Descriptors,
  logging: Logging,
  now: () => number,
  sink: Intake,
): FileSource | undefined {
  if (options.configDir === "") return undefined;
  const validate = createValidator({ descriptors, features: options.features });
  return createFileSource({ dir: options.configDir, log: logging("file"), now, sink, validate });
}
