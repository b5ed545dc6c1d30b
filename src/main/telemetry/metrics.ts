// Metrics of the control plane under istiod's names, so that its dashboards and alerts keep working. Main thread.
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import { HotHistogram } from "./hot-histogram.ts";
import { scrapedMetrics } from "./scraped-metrics.ts";

const SECONDS = [0.1, 0.5, 1, 3, 5, 10, 20, 30];
const SHORT_SECONDS = [0.001, 0.005, 0.01, 0.05, ...SECONDS];

/** The worker threads as a whole. */
export interface WorkerStats {
  readonly threads: number;
  /** Tasks that wait for a worker. */
  readonly waiting: number;
  /** Time that all workers together have spent on tasks. */
  readonly busyMs: number;
}

/** All metrics of one control plane; there are no global ones. */
export interface Metrics {
  readonly registry: Registry;
  readonly xds: Gauge<"version">;
  readonly pushes: Counter<"type">;
  readonly convergence: HotHistogram;
  readonly queueTime: HotHistogram;
  /** By type, in lower case. */
  readonly pushTime: HotHistogram;
  readonly sendTime: HotHistogram;
  readonly rejects: Counter<"type">;
  readonly internalErrors: Counter;
  readonly expiredNonces: Counter<"type">;
  /** By type, in lower case. */
  readonly configSize: HotHistogram;
  /** Takes note of a request's size. */
  readonly received: (bytes: number) => void;
  readonly cfgEvents: Counter<"type" | "event">;
  readonly regEvents: Counter<"type" | "event">;
  readonly inboundUpdates: Counter<"type">;
  readonly pushTriggers: Counter<"type">;
  readonly debounceTime: Histogram;
  readonly snapshotTime: Histogram;
  readonly rejectedConfigs: Counter<"type" | "name">;
  readonly startup: Gauge;
  readonly workerTaskTime: Histogram;
  readonly workerQueueTime: Histogram;
  readonly longTasks: Counter;
  readonly workersLost: Counter;
  readonly refusedStreams: Counter;
  /** `pilot_xds_cds_reject` and the like, by lower-case type. */
  readonly typeRejects: ReadonlyMap<string, Gauge<"node" | "err">>;
}

/** What is read when somebody asks for metrics. */
export interface MetricSources {
  readonly version: string;
  readonly services: () => number;
  readonly virtualServices: () => number;
  readonly cache: () => Readonly<Record<"entries" | "bytes" | "hits" | "misses" | "evictions", number>>;
  readonly workers: () => WorkerStats;
  readonly connectionsWaiting: () => number;
}

/** Creates all metrics. Those that follow from the state of the mesh are read from `sources` at scrape time. */
export function createMetrics(sources: MetricSources): Metrics {
  const registry = new Registry();
  const registers = [registry];
  const counter = <L extends string = never>(name: string, help: string, labelNames: L[] = []): Counter<L> =>
    new Counter({ name, help, labelNames, registers });
  const gauge = <L extends string = never>(name: string, help: string, labelNames: L[] = []): Gauge<L> =>
    new Gauge({ name, help, labelNames, registers });
  const histogram = <L extends string = never>(
    name: string,
    help: string,
    buckets: number[],
    labelNames: L[] = [],
  ): Histogram<L> => new Histogram({ name, help, buckets, labelNames, registers });
  const hot = (name: string, help: string, buckets: number[], label?: string): HotHistogram =>
    new HotHistogram({ name, help, buckets, registry, ...(label === undefined ? {} : { label }) });
  const { read, readCounter } = scrapedMetrics(registry);

  gauge("pilot_info", "Version of the control plane.", ["version"]).set({ version: sources.version }, 1);
  gauge("istio_build", "Version of the component.", ["component", "tag"]).set(
    { component: "pilot", tag: sources.version },
    1,
  );
  read("istiod_uptime_seconds", "Seconds since the process was started.", () => process.uptime());
  read("pilot_services", "Services in the mesh.", sources.services);
  read("pilot_virt_services", "VirtualServices in the mesh.", sources.virtualServices);
  read("xds_cache_size", "Entries of the cache of generated resources.", () => sources.cache().entries);
  readCounter(
    "xds_cache_reads",
    "Look-ups in the cache that found something.",
    { type: "hit" },
    () => sources.cache().hits,
  );
  readCounter("xds_cache_misses", "Look-ups in the cache that found nothing.", {}, () => sources.cache().misses);
  read("mizzen_xds_cache_bytes", "Bytes of the cache of generated resources.", () => sources.cache().bytes);
  readCounter("xds_cache_evictions", "Entries that the cache had no room for.", {}, () => sources.cache().evictions);
  read("mizzen_workers", "Worker threads.", () => sources.workers().threads);
  read("mizzen_worker_queue_length", "Tasks that wait for a worker.", () => sources.workers().waiting);
  readCounter(
    "mizzen_worker_busy_seconds_total",
    "Seconds that workers spent on tasks; its rate by mizzen_workers is their utilisation.",
    {},
    () => sources.workers().busyMs / 1000,
  );

  read(
    "mizzen_connections_waiting",
    "Connections that wait to be taken up, a few at a time.",
    sources.connectionsWaiting,
  );

  const receivedMax = gauge("pilot_xds_recv_max", "Largest request, in bytes.");
  let largest = 0;

  return {
    registry,
    xds: gauge("pilot_xds", "Proxies connected over xDS, by their version.", ["version"]),
    pushes: counter("pilot_xds_pushes", "Responses sent, by type.", ["type"]),
    convergence: hot(
      "pilot_proxy_convergence_time",
      "Seconds from a change until a proxy was sent all that follows from it.",
      SECONDS,
    ),
    queueTime: hot("pilot_proxy_queue_time", "Seconds that a proxy waited in the push queue.", SECONDS),
    pushTime: hot("pilot_xds_push_time", "Seconds to generate and send, by type.", SHORT_SECONDS, "type"),
    sendTime: hot("pilot_xds_send_time", "Seconds to hand a response to the transport.", SHORT_SECONDS),
    rejects: counter("pilot_total_xds_rejects", "Responses that proxies refused, by type.", ["type"]),
    internalErrors: counter("pilot_total_xds_internal_errors", "Generations that failed."),
    expiredNonces: counter("pilot_xds_expired_nonce", "Requests that answered an older response.", ["type"]),
    configSize: hot(
      "pilot_xds_config_size_bytes",
      "Sizes of responses, by type.",
      [1, 10_000, 1_000_000, 4_000_000, 10_000_000, 40_000_000],
      "type",
    ),
    received: (bytes) => {
      if (bytes <= largest) return;
      largest = bytes;
      receivedMax.set(bytes);
    },
    cfgEvents: counter("pilot_k8s_cfg_events", "Events of configuration objects.", ["type", "event"]),
    regEvents: counter("pilot_k8s_reg_events", "Events of services, endpoints and workloads.", ["type", "event"]),
    inboundUpdates: counter("pilot_inbound_updates", "Changes that the registry took in.", ["type"]),
    pushTriggers: counter("pilot_push_triggers", "Reasons of pushes.", ["type"]),
    debounceTime: histogram("pilot_debounce_time", "Seconds from the first change to its push.", SHORT_SECONDS),
    snapshotTime: histogram("pilot_pushcontext_init_seconds", "Seconds to build a snapshot.", SHORT_SECONDS),
    rejectedConfigs: counter("pilot_total_rejected_configs", "Configuration that was rejected.", ["type", "name"]),
    startup: gauge("startup_duration_seconds", "Seconds from the start to the first push."),
    workerTaskTime: histogram("mizzen_worker_task_seconds", "Seconds that workers took for tasks.", SHORT_SECONDS),
    workerQueueTime: histogram("mizzen_worker_wait_seconds", "Seconds that tasks waited for workers.", SHORT_SECONDS),
    longTasks: counter("mizzen_worker_long_tasks_total", "Tasks that took longer than 50 ms."),
    workersLost: counter("mizzen_workers_lost_total", "Workers that died with a task in hand."),
    refusedStreams: counter("mizzen_refused_streams_total", "Streams that were refused."),
    typeRejects: new Map(
      ["cds", "eds", "lds", "rds"].map((type) => [
        type,
        gauge(`pilot_xds_${type}_reject`, `Proxies that refuse their ${type.toUpperCase()}.`, ["node", "err"]),
      ]),
    ),
  };
}
