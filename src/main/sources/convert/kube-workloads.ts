// Kubernetes pods, nodes, secrets and config maps as records. Main thread.
import type { ObjectMeta, Origin } from "../../../shared/model/config.ts";
import type { KubeConfigMap, KubeNode, KubePod, KubeSecret } from "../../../shared/model/kube.ts";
import { child, children, flag, port, type RawObject, text, textMap } from "./raw-fields.ts";

export function convertPod(raw: RawObject, meta: ObjectMeta, origin: Origin): KubePod {
  const spec = child(raw, "spec");
  const status = child(raw, "status");
  const ips = children(status, "podIPs").map((ip) => text(ip, "ip"));
  const podIP = text(status, "podIP");
  const conditions = children(status, "conditions");
  return {
    kind: "Pod",
    meta,
    origin,
    phase: text(status, "phase"),
    ready: conditions.some((c) => text(c, "type") === "Ready" && text(c, "status") === "True"),
    ips: (ips.length > 0 ? ips : [podIP]).filter((ip) => ip !== ""),
    nodeName: text(spec, "nodeName"),
    serviceAccount: text(spec, "serviceAccountName") || text(spec, "serviceAccount") || "default",
    hostNetwork: flag(spec, "hostNetwork") ?? false,
    deleting: text(child(raw, "metadata"), "deletionTimestamp") !== "",
    namedPorts: podPorts(spec),
    ...podWorkload(raw, meta),
  };
}

function podPorts(spec: RawObject): KubePod["namedPorts"] {
  // Init containers that are restarted always run beside the others.
  const sidecars = children(spec, "initContainers").filter((c) => text(c, "restartPolicy") === "Always");
  return [...children(spec, "containers"), ...sidecars]
    .flatMap((container) => children(container, "ports"))
    .map((p) => ({ name: text(p, "name"), port: port(p, "containerPort"), protocol: text(p, "protocol", "TCP") }))
    .filter((p) => p.name !== "" && p.port !== 0);
}

interface Workload {
  readonly workloadName: string;
  readonly workloadKind: string;
}

/** The controller of a pod; of a ReplicaSet or a Job that was made by another one, the one that made it. */
function podWorkload(raw: RawObject, meta: ObjectMeta): Workload {
  const owners = children(child(raw, "metadata"), "ownerReferences");
  const owner = owners.find((o) => flag(o, "controller") === true);
  if (!owner) return { workloadName: "", workloadKind: "" };
  const name = text(owner, "name");
  const kind = text(owner, "kind");
  if (kind === "ReplicaSet") {
    const rollout = withoutSuffix(name, meta.labels["rollouts-pod-template-hash"]);
    if (rollout !== undefined) return { workloadName: rollout, workloadKind: "Rollout" };
    const deployment = withoutSuffix(name, meta.labels["pod-template-hash"]);
    if (deployment !== undefined) return { workloadName: deployment, workloadKind: "Deployment" };
  }
  const config = meta.labels.deploymentconfig;
  if (kind === "ReplicationController" && config !== undefined && name.startsWith(`${config}-`)) {
    return { workloadName: config, workloadKind: "DeploymentConfig" };
  }
  // A CronJob names its jobs by their time in minutes.
  const cron = /^(.+)-\d{8,10}$/.exec(name);
  if (kind === "Job" && cron) return { workloadName: cron[1]!, workloadKind: "CronJob" };
  return { workloadName: name, workloadKind: kind };
}

function withoutSuffix(name: string, hash: string | undefined): string | undefined {
  if (hash === undefined || hash === "" || !name.endsWith(`-${hash}`)) return undefined;
  return name.slice(0, -hash.length - 1);
}

export function convertNode(raw: RawObject, meta: ObjectMeta, origin: Origin): KubeNode {
  const addresses = children(child(raw, "status"), "addresses");
  return {
    kind: "Node",
    meta,
    origin,
    addresses: addresses.map((a) => ({ type: text(a, "type"), address: text(a, "address") })),
  };
}

export function convertSecret(raw: RawObject, meta: ObjectMeta, origin: Origin): KubeSecret {
  const data = { ...textMap(raw, "data") };
  for (const [name, value] of Object.entries(textMap(raw, "stringData") ?? {})) {
    data[name] = Buffer.from(value).toString("base64");
  }
  return { kind: "Secret", meta, origin, type: text(raw, "type", "Opaque"), data };
}

export function convertConfigMap(raw: RawObject, meta: ObjectMeta, origin: Origin): KubeConfigMap {
  return { kind: "ConfigMap", meta, origin, data: textMap(raw, "data") ?? {} };
}
