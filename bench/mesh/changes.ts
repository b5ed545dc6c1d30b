// One edit of each kind, with what shows at a proxy that the edit has arrived.
import type { XdsType } from "../../src/shared/xds-types.ts";
import type { MeshFolder } from "./mesh-folder.ts";
import type { BenchNode } from "./nodes.ts";
import { envoyFilterYaml, hasRoute, hasRule, namespacePolicyYaml } from "./objects.ts";
import { addedService, markedAddress, type Service } from "./shape.ts";

export const CHANGE_KINDS = [
  "endpoint",
  "service added",
  "service removed",
  "route",
  "destination rule",
  "listener",
  "authorization policy",
  "envoy filter",
  "mesh config",
  "metadata only",
  "gateway route",
] as const;

export type ChangeKind = (typeof CHANGE_KINDS)[number];

/** Bytes that a response of a type has, or has no more, when the edit has arrived. */
export interface Mark {
  readonly type: XdsType;
  readonly bytes: Buffer;
  /** The bytes vanish: from the resources in the state of the world, or as a removed name with delta. */
  readonly gone?: boolean;
}

export interface Change {
  make(): void;
  /** Undefined when nothing must be sent. */
  readonly mark: Mark | undefined;
  /** Which proxies the edit concerns; all when absent. */
  readonly concerns?: (node: BenchNode) => boolean;
}

/** The `serial`-th edit of a run, counted from 1; each is of another object where there are several. */
export function changeOf(kind: ChangeKind, mesh: MeshFolder, serial: number): Change {
  const tag = `bench-${serial}-end`;
  switch (kind) {
    case "endpoint": {
      const address = markedAddress(serial);
      const target = pick(mesh.targets, serial);
      return {
        // Not the first ones, which are the proxies' own addresses.
        make: () => mesh.setEndpoint(target, target.endpoints.length - 1, address),
        mark: { type: "EDS", bytes: addressField(address) },
        ...seenBy(target),
      };
    }
    case "service added": {
      const added = addedService(mesh.shape, serial);
      const mark = { type: "CDS", bytes: Buffer.from(added.host) } as const;
      return { make: () => mesh.addService(added), mark, ...seenBy(added) };
    }
    case "service removed": {
      const added = addedService(mesh.shape, serial);
      const mark = { type: "CDS", bytes: Buffer.from(added.host), gone: true } as const;
      return { make: () => mesh.removeService(added), mark, ...seenBy(added) };
    }
    case "route": {
      const target = pick(mesh.targets.filter(hasRoute), serial);
      return {
        make: () => mesh.setRoute(target, { header: tag }),
        mark: { type: "RDS", bytes: Buffer.from(tag) },
        ...seenBy(target),
      };
    }
    case "destination rule": {
      const target = pick(mesh.targets.filter(hasRule), serial);
      const mark = timeoutMark(6, serial);
      return { make: () => mesh.setRule(target, `6.${millis(serial)}s`), mark, ...seenBy(target) };
    }
    case "listener": {
      const target = pick(mesh.targets, serial);
      const port = 10_000 + serial;
      const mark = { type: "LDS", bytes: Buffer.from(`${target.address}_${port}`) } as const;
      return { make: () => mesh.setPorts(target, [port]), mark, ...seenBy(target) };
    }
    case "authorization policy": {
      const { namespace } = mesh.targets[0]!;
      return {
        make: () => mesh.setObject(`${namespace}/bench-policy`, namespacePolicyYaml(namespace, `/${tag}`)),
        mark: { type: "LDS", bytes: Buffer.from(`/${tag}`) },
        concerns: (node) => node.namespace === namespace,
      };
    }
    case "envoy filter":
      return {
        make: () => mesh.setObject("istio-system/bench-filter", envoyFilterYaml(tag)),
        mark: { type: "LDS", bytes: Buffer.from(tag) },
      };
    case "mesh config":
      return { make: () => mesh.setMesh(`8.${millis(serial)}s`), mark: timeoutMark(8, serial) };
    case "metadata only": {
      const target = pick(mesh.targets.filter(hasRoute), serial);
      return { make: () => mesh.setRoute(target, { note: tag }), mark: undefined };
    }
    case "gateway route": {
      const number = serial % (mesh.shape.gatewayHosts ?? 1);
      return { make: () => mesh.setGatewayRoute(number, tag), mark: { type: "RDS", bytes: Buffer.from(tag) } };
    }
  }
}

/** Proxies that a service's configuration goes to. */
function seenBy({ group, namespace }: Service): Pick<Change, "concerns"> {
  return group.ownNamespaceOnly ? { concerns: (node) => node.namespace === namespace } : {};
}

function pick(services: readonly Service[], serial: number): Service {
  const service = services[serial % services.length];
  if (!service) throw new Error("the mesh has no service that this edit could be made to");
  return service;
}

/** `address` of an envoy.config.core.v3.SocketAddress with its tag and length: no other address begins with it. */
function addressField(address: string): Buffer {
  return Buffer.concat([Buffer.from([0x12, address.length]), Buffer.from(address)]);
}

function millis(serial: number): string {
  if (serial > 999) throw new Error("no more than 999 edits of this kind");
  return String(serial).padStart(3, "0");
}

/** `connect_timeout` of an envoy.config.cluster.v3.Cluster, field 4, with so many seconds and `serial` milliseconds. */
function timeoutMark(seconds: number, serial: number): Mark {
  const nanos = varint(serial * 1_000_000);
  return { type: "CDS", bytes: Buffer.from([0x22, 3 + nanos.length, 0x08, seconds, 0x10, ...nanos]) };
}

function varint(value: number): number[] {
  const out: number[] = [];
  for (; value > 127; value = Math.floor(value / 128)) out.push((value % 128) | 128);
  return [...out, value];
}
