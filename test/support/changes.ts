// Changes of the registry, for tests that have none.
import type { RegistryChange } from "../../src/shared/model/push-request.ts";

/** That nothing changed. */
export const NO_CHANGE: RegistryChange = {
  configs: new Map(),
  services: new Map(),
  endpoints: new Map(),
  workloadAddresses: new Set(),
  mesh: false,
  reasons: new Map([["config", 1]]),
};

/** That a VirtualService changed; the change has its name as key. */
export function configChange(name: string): RegistryChange {
  return { ...NO_CHANGE, configs: new Map([[name, { kind: "VirtualService", namespace: "default", name }]]) };
}
