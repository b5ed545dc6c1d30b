// Into how many slices the routes of each port are cut. Main thread.
import { addCount } from "../../shared/counts.ts";
import type { RegistryChange, ServiceKey } from "../../shared/model/push-request.ts";
import { serviceKeyString } from "../../shared/model/push-request.ts";
import type { Registry } from "../registry/registry.ts";

/** Slices by port, where there are several; of all ports together for 0. */
export type RouteSlices = ReadonlyMap<number, number>;

/** Counts the services of each port, so that a change costs work for its own services only. */
export class PortIndex {
  private readonly byService = new Map<string, readonly number[]>();
  private readonly counts = new Map<number, number>();
  private readonly slices: (hosts: number) => number;
  private known: RouteSlices = new Map();

  /** `slices`: into how many pieces so many hosts are cut. */
  constructor(slices: (hosts: number) => number) {
    this.slices = slices;
  }

  /** Immutable; another object when something is cut in another way. */
  current(): RouteSlices {
    return this.known;
  }

  /** Looks at the services that changed, or at all. */
  update(registry: Registry, change: RegistryChange | undefined): void {
    if (change) {
      if (change.services.size === 0) return;
      for (const key of change.services.values()) this.take(registry, key);
    } else {
      this.byService.clear();
      this.counts.clear();
      for (const service of registry.services.all()) this.take(registry, service);
    }
    const now = new Map<number, number>();
    for (const [port, count] of this.counts) {
      const slices = this.slices(count);
      if (slices > 1) now.set(port, slices);
    }
    const same = now.size === this.known.size && [...now].every(([port, slices]) => this.known.get(port) === slices);
    if (!same) this.known = now;
  }

  private take(registry: Registry, key: ServiceKey): void {
    const id = serviceKeyString(key);
    for (const port of this.byService.get(id) ?? []) addCount(this.counts, port, -1);
    const services = registry.services.services(key);
    const ports = new Set(services.flatMap((service) => service.ports.map(({ port }) => port)));
    if (services.length === 0) {
      this.byService.delete(id);
      return;
    }
    const all = [0, ...ports];
    this.byService.set(id, all);
    for (const port of all) addCount(this.counts, port, 1);
  }
}
