// Gathers what a batch changed into one RegistryChange. Main thread.
import { keyString, type ObjectKey } from "../../shared/model/config.ts";
import {
  type ChangedConfig,
  type ConfigReach,
  mergeConfigs,
  type PushReason,
  type RegistryChange,
  type ServiceKey,
  serviceKeyString,
} from "../../shared/model/push-request.ts";

/** Collects changes; each key is counted once. */
export class ChangeCollector {
  private readonly configs = new Map<string, ChangedConfig>();
  private readonly services = new Map<string, ServiceKey>();
  private readonly endpointKeys = new Map<string, ServiceKey>();
  private readonly addresses = new Set<string>();
  private readonly reasons = new Map<PushReason, number>();
  private mesh = false;

  config(key: ObjectKey, reach: ConfigReach = {}): void {
    const id = keyString(key);
    this.configs.set(id, mergeConfigs(this.configs.get(id), { ...key, ...reach }));
    this.count("config");
  }

  service(key: ServiceKey): void {
    this.services.set(serviceKeyString(key), key);
    this.count("service");
  }

  /** Endpoints changed; `affectsService` when clusters or listeners depend on them too. */
  endpoints(key: ServiceKey, affectsService: boolean): void {
    if (affectsService) this.services.set(serviceKeyString(key), key);
    this.endpointKeys.set(serviceKeyString(key), key);
    this.count(affectsService ? "headlessendpoint" : "endpoint");
  }

  workloadAddress(address: string): void {
    this.addresses.add(address);
  }

  namespace(): void {
    this.count("namespace");
  }

  secret(): void {
    this.count("secret");
  }

  meshChanged(): void {
    this.mesh = true;
    this.count("global");
  }

  /** Gateways between networks came or went. */
  networksChanged(): void {
    this.mesh = true;
    this.count("networks");
  }

  result(): RegistryChange {
    return {
      configs: this.configs,
      services: this.services,
      endpoints: this.endpointKeys,
      workloadAddresses: this.addresses,
      mesh: this.mesh,
      reasons: this.reasons,
    };
  }

  private count(reason: PushReason): void {
    this.reasons.set(reason, (this.reasons.get(reason) ?? 0) + 1);
  }
}
