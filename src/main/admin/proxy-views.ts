// Connected proxies and their configuration, as istiod's debug endpoints show them. Main thread, pure.
import type { ConfigObject } from "../../shared/model/config.ts";
import { ISTIO_KINDS } from "../../shared/model/config.ts";
import type { MeshObject } from "../../shared/model/delta.ts";
import { TYPE_URL, type XdsType } from "../../shared/xds-types.ts";
import type { Registry } from "../registry/registry.ts";
import type { ProxyStream } from "../streams/stream-observer.ts";

/** `/debug/adsz`: who is connected, and what each watches. */
export function connectionsView(streams: Iterable<ProxyStream>): unknown {
  const clients = [...streams].map((stream) => ({
    connectionId: stream.connectionId,
    connectedAt: new Date(stream.connectedAt).toISOString(),
    address: stream.peer,
    variant: stream.variant,
    view: stream.viewId ?? null,
    metadata: stream.identity.node.metadata,
    locality: stream.identity.node.locality,
    watches: Object.fromEntries(
      [...stream.watches].map(([type, watch]) => [
        TYPE_URL[type],
        watch.wildcard ? ["*", ...watch.names.sorted] : watch.names.sorted,
      ]),
    ),
  }));
  return { totalClients: clients.length, clients };
}

/** Names of the types in `/debug/syncz`. */
const SYNC_NAMES: readonly (readonly [XdsType, string])[] = [
  ["CDS", "cluster"],
  ["LDS", "listener"],
  ["RDS", "route"],
  ["EDS", "endpoint"],
  ["ECDS", "extensionconfig"],
];

/** `/debug/syncz`: the nonces that were sent to each proxy, and those that it acknowledged. */
export function syncView(streams: Iterable<ProxyStream>): unknown[] {
  return [...streams]
    .filter((stream) => stream.watches.size > 0)
    .map((stream) => {
      const { metadata } = stream.identity.node;
      const out: Record<string, unknown> = {
        cluster_id: metadata.CLUSTER_ID,
        proxy: stream.identity.id,
        proxy_type: stream.identity.type,
        proxy_version: metadata.ISTIO_VERSION,
        istio_version: metadata.ISTIO_VERSION,
      };
      for (const [type, name] of SYNC_NAMES) {
        const watch = stream.watches.get(type);
        if (watch?.sent) out[`${name}_sent`] = watch.sent.nonce;
        if (watch?.acked) out[`${name}_acked`] = watch.acked.nonce;
        if (watch?.nacked) out[`${name}_rejected`] = watch.nacked.error.message;
      }
      return out;
    });
}

/** `/debug/configz`: all of Istio's objects. */
export function configView(registry: Registry): unknown[] {
  const out: unknown[] = [];
  for (const kind of ISTIO_KINDS) {
    for (const namespace of [...registry.objects.namespacesOf(kind)].sort()) {
      for (const object of registry.objects.sortedConfigs(kind, namespace)) out.push(objectView(object));
    }
  }
  return out;
}

function objectView(object: ConfigObject & MeshObject): unknown {
  const { meta } = object;
  return {
    kind: object.kind,
    apiVersion: object.apiVersion,
    metadata: {
      name: meta.name,
      namespace: meta.namespace,
      ...(Object.keys(meta.labels).length > 0 ? { labels: meta.labels } : {}),
      ...(Object.keys(meta.annotations).length > 0 ? { annotations: meta.annotations } : {}),
      resourceVersion: meta.resourceVersion,
      creationTimestamp: meta.creationTimestamp === 0 ? null : new Date(meta.creationTimestamp).toISOString(),
    },
    spec: object.spec,
    ...(object.status === undefined ? {} : { status: object.status }),
    origin: object.origin,
  };
}
