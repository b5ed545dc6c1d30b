// The filters of a sidecar's inbound chains as JSON, for tests of security policies.
import assert from "node:assert/strict";
import type { MeshSettings } from "../../src/shared/model/mesh.ts";
import { HTTP_80, host, meshOf, show, TCP_9000 } from "./worker-behaviour.ts";
import type { Json } from "./worker-json.ts";
import type { ProxySpec, WorkerMesh } from "./worker-mesh.ts";

export interface FilterJson {
  readonly name: string;
  readonly typedConfig: Json;
}

interface ChainJson {
  readonly filterChainMatch?: { readonly destinationPort?: number };
  readonly filters: readonly FilterJson[];
}

const IP = "10.0.0.1";

/** A workload of `default` that serves HTTP at 80 and TCP at 9000. */
export const WORKLOAD: ProxySpec = { ip: IP, labels: { app: "x", version: "v1" } };

/** A mesh with the workload, in a namespace of its choice, and some more documents. */
export function served(documents: readonly object[], settings?: MeshSettings, proxy: ProxySpec = WORKLOAD): WorkerMesh {
  const { namespace = "default", ip = IP, labels = {} } = proxy;
  const ports = [HTTP_80, TCP_9000];
  return meshOf([host("x", { ports, endpoints: [{ address: ip, labels }] }, { namespace }), ...documents], settings);
}

/** The HTTP filters at the workload's port 80, of one chain; all chains there are checked to have the same. */
export function httpFilters(mesh: WorkerMesh, proxy: ProxySpec = WORKLOAD): readonly FilterJson[] {
  const chains = chainsAt(mesh, 80, proxy).map(({ filters }) => {
    const manager = filters.find((f) => f.name === "envoy.filters.network.http_connection_manager");
    assert.ok(manager, "no connection manager");
    return manager.typedConfig.httpFilters as readonly FilterJson[];
  });
  return alike(chains);
}

/** The network filters at the workload's port 9000. */
export function tcpFilters(mesh: WorkerMesh, proxy: ProxySpec = WORKLOAD): readonly FilterJson[] {
  return alike(chainsAt(mesh, 9000, proxy).map((chain) => chain.filters));
}

function chainsAt(mesh: WorkerMesh, port: number, proxy: ProxySpec): readonly ChainJson[] {
  const { filterChains } = show(mesh, "LDS", proxy).virtualInbound! as { filterChains: readonly ChainJson[] };
  const own = filterChains.filter((chain) => chain.filterChainMatch?.destinationPort === port);
  assert.ok(own.length > 1, `port ${port} has fewer than two chains`);
  return own;
}

function alike(lists: readonly (readonly FilterJson[])[]): readonly FilterJson[] {
  for (const list of lists) assert.deepEqual(list, lists[0], "chains of one port differ");
  return lists[0]!;
}

const SECURITY = /\.(rbac|ext_authz|jwt_authn)$/;

/** Only the filters of security policies. */
export function securityFilters(filters: readonly FilterJson[]): readonly FilterJson[] {
  return filters.filter(({ name }) => SECURITY.test(name));
}
