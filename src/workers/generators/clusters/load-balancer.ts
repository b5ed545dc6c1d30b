// Load balancing of a policy. Worker threads, pure.
// https://istio.io/latest/docs/reference/config/networking/destination-rule/#LoadBalancerSettings
import type { envoy } from "../../../shared/gen/envoy.js";
import type {
  Networking_LoadBalancerSettings,
  Networking_LocalityLoadBalancerSetting,
  Networking_ZoneAwareLoadBalancerSetting,
} from "../../../shared/gen/istio.js";
import type { Protocol } from "../../../shared/model/service.ts";
import { parseDuration } from "../../encode/values.ts";
import {
  CLUSTER_PROVIDED,
  type Cluster,
  LEAST_REQUEST,
  MAGLEV,
  ORIGINAL_DST,
  RANDOM,
  RING_HASH,
  ROUND_ROBIN,
} from "./cluster-base.ts";

const DEFAULT_RING_SIZE = 1024;

/** Sets policy, hashing, warm-up and locality weights. A pass-through cluster keeps its own way. */
export function applyLoadBalancer(
  cluster: Cluster,
  lb: Networking_LoadBalancerSettings | undefined,
  options: {
    readonly protocol: Protocol;
    readonly redisFilter: boolean;
    readonly locality: Networking_LocalityLoadBalancerSetting | undefined;
    readonly localityWeighted: boolean;
    readonly zoneAware: Networking_ZoneAwareLoadBalancerSetting | undefined;
  },
): void {
  if (cluster.type === ORIGINAL_DST) return;
  // Redis clusters shard by key, for which Envoy wants a consistent hash.
  if (options.redisFilter && options.protocol === "Redis") cluster.lbPolicy = MAGLEV;
  const { zoneAware } = options;
  // Zones and weighted localities are two ways of which Envoy takes one.
  if (zoneAware) {
    const size = zoneAware.minClusterSize;
    const zoneAwareLbConfig = size ? { minClusterSize: { value: size } } : {};
    cluster.commonLbConfig = { ...cluster.commonLbConfig, zoneAwareLbConfig };
  } else if (options.localityWeighted || hasWeights(options.locality, !!cluster.outlierDetection)) {
    cluster.commonLbConfig = { ...cluster.commonLbConfig, localityWeightedLbConfig: {} };
  }
  if (!lb) return;
  switch (lb.simple) {
    case "RANDOM":
      cluster.lbPolicy = RANDOM;
      break;
    case "ROUND_ROBIN":
      cluster.lbPolicy = ROUND_ROBIN;
      break;
    case "PASSTHROUGH":
      cluster.lbPolicy = CLUSTER_PROVIDED;
      cluster.type = ORIGINAL_DST;
      delete cluster.edsClusterConfig;
      delete cluster.loadAssignment;
      return;
    case "LEAST_CONN":
    case "LEAST_REQUEST":
      cluster.lbPolicy = LEAST_REQUEST;
      break;
    default:
  }
  applyConsistentHash(cluster, lb);
  applyWarmup(cluster, lb);
}

/** Fail-over needs outlier detection, without which nothing would ever fail over. */
function hasWeights(setting: Networking_LocalityLoadBalancerSetting | undefined, failsOver: boolean): boolean {
  const has = (list: readonly unknown[] | undefined): boolean => (list?.length ?? 0) > 0;
  return has(setting?.distribute) || (failsOver && (has(setting?.failover) || has(setting?.failoverPriority)));
}

function applyConsistentHash(cluster: Cluster, lb: Networking_LoadBalancerSettings): void {
  const hash = lb.consistentHash;
  if (!hash) return;
  if (hash.maglev) {
    cluster.lbPolicy = MAGLEV;
    if (hash.maglev.tableSize) cluster.maglevLbConfig = { tableSize: { value: hash.maglev.tableSize } };
    return;
  }
  cluster.lbPolicy = RING_HASH;
  const size = hash.ringHash?.minimumRingSize || hash.minimumRingSize || DEFAULT_RING_SIZE;
  cluster.ringHashLbConfig = { minimumRingSize: { value: size } };
}

/** New hosts get their full share only after a while; only these two policies can do it. */
function applyWarmup(cluster: Cluster, lb: Networking_LoadBalancerSettings): void {
  const window = parseDuration(lb.warmup?.duration ?? lb.warmupDurationSecs);
  if (!window || (cluster.lbPolicy !== ROUND_ROBIN && cluster.lbPolicy !== LEAST_REQUEST)) return;
  const slowStartConfig: envoy.config.cluster.v3.Cluster.ISlowStartConfig = { slowStartWindow: window };
  if (lb.warmup?.aggression) {
    slowStartConfig.aggression = { defaultValue: lb.warmup.aggression };
  }
  if (lb.warmup?.minimumPercent !== undefined) slowStartConfig.minWeightPercent = { value: lb.warmup.minimumPercent };
  if (cluster.lbPolicy === ROUND_ROBIN) cluster.roundRobinLbConfig = { slowStartConfig };
  else cluster.leastRequestLbConfig = { slowStartConfig };
}
