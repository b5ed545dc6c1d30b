// Into how many slices the routes of gateways are cut. Main thread.
import { canonicalJson } from "../../shared/canonical-json.ts";
import { addCount } from "../../shared/counts.ts";
import type { Networking_Gateway, Networking_VirtualService } from "../../shared/gen/istio.js";
import { type ConfigObject, keyString } from "../../shared/model/config.ts";
import type { MeshObject } from "../../shared/model/delta.ts";
import type { RegistryChange } from "../../shared/model/push-request.ts";
import type { ProxyView } from "../../shared/model/view.ts";
import { gatewayName, MESH_GATEWAY } from "../../shared/names/gateway.ts";
import { MAX_SLICES } from "../../shared/names/host-slice.ts";
import { type Labels, labelsMatch } from "../../shared/names/labels.ts";
import type { Registry } from "../registry/registry.ts";

type VirtualServiceObject = ConfigObject<Networking_VirtualService> & MeshObject;
type GatewayObject = ConfigObject<Networking_Gateway> & MeshObject;

/** Gateways that choose the same routers. */
interface Choice {
  readonly selector: Labels;
  /** Of all their hosts together. */
  readonly slices: number;
}

/** Immutable; another object when something is cut in another way. */
export class GatewaySlices {
  private readonly choices: readonly Choice[];
  /** Slices by `name.namespace`, where there are several. */
  private readonly byGateway: ReadonlyMap<string, number>;

  constructor(choices: readonly Choice[], byGateway: ReadonlyMap<string, number>) {
    this.choices = choices;
    this.byGateway = byGateway;
  }

  /** Slices of a router's route configuration: `http.8080` has the hosts of all its gateways, `https.443.https.name.namespace` one's. */
  of({ labels }: ProxyView, name: string): number {
    if (name.startsWith("http.")) {
      let sum = 0;
      for (const { selector, slices } of this.choices) if (labelsMatch(selector, labels)) sum += slices;
      return Math.min(MAX_SLICES, 2 ** Math.ceil(Math.log2(Math.max(1, sum))));
    }
    for (const [gateway, slices] of this.byGateway) if (`${name}.`.includes(`.${gateway}.`)) return slices;
    return 1;
  }
}

/** Counts the hosts that VirtualServices bind to each gateway, object by object. */
export class GatewayHostIndex {
  private readonly byVirtualService = new Map<
    string,
    { readonly gateways: readonly string[]; readonly hosts: number }
  >();
  /** Hosts by `namespace/name`. */
  private readonly counts = new Map<string, number>();
  private readonly slices: (hosts: number) => number;
  private fingerprint = "[[],[]]";
  private known = new GatewaySlices([], new Map());

  /** `slices`: into how many pieces so many hosts are cut. */
  constructor(slices: (hosts: number) => number) {
    this.slices = slices;
  }

  current(): GatewaySlices {
    return this.known;
  }

  /** Looks at the objects that changed, or at all. */
  update(registry: Registry, change: RegistryChange | undefined): void {
    if (change) {
      const changed = [...change.configs].filter(([, { kind }]) => kind === "VirtualService" || kind === "Gateway");
      if (changed.length === 0) return;
      for (const [id, { kind, namespace, name }] of changed) {
        if (kind === "VirtualService") this.take(id, registry.objects.get<VirtualServiceObject>(kind, namespace, name));
      }
    } else {
      this.byVirtualService.clear();
      this.counts.clear();
      for (const object of registry.objects.all<VirtualServiceObject>("VirtualService")) {
        const { namespace, name } = object.meta;
        this.take(keyString({ kind: "VirtualService", namespace, name }), object);
      }
    }
    this.publish(registry);
  }

  private publish(registry: Registry): void {
    const sums = new Map<string, number>();
    const byGateway = new Map<string, number>();
    for (const { meta, spec } of registry.objects.all<GatewayObject>("Gateway")) {
      const hosts = this.counts.get(`${meta.namespace}/${meta.name}`) ?? 0;
      const selector = canonicalJson(spec.selector ?? {});
      sums.set(selector, (sums.get(selector) ?? 0) + hosts);
      const slices = this.slices(hosts);
      if (slices > 1) byGateway.set(`${meta.name}.${meta.namespace}`, slices);
    }
    const choices = [...sums].map(([selector, hosts]) => ({ selector, slices: this.slices(hosts) }));
    const large = choices.filter(({ slices }) => slices > 1);
    const fingerprint = canonicalJson([large, [...byGateway]]);
    if (fingerprint === this.fingerprint) return;
    this.fingerprint = fingerprint;
    const parsed = large.map(({ selector, slices }) => ({ selector: JSON.parse(selector) as Labels, slices }));
    this.known = new GatewaySlices(parsed, byGateway);
  }

  private take(id: string, object: VirtualServiceObject | undefined): void {
    const before = this.byVirtualService.get(id);
    for (const gateway of before?.gateways ?? []) addCount(this.counts, gateway, -before!.hosts);
    this.byVirtualService.delete(id);
    if (!object) return;
    const { spec, meta } = object;
    const names = new Set((spec.gateways ?? []).map((name) => gatewayName(name, meta.namespace)));
    names.delete(MESH_GATEWAY);
    if (names.size === 0) return;
    const own = { gateways: [...names], hosts: spec.hosts?.length ?? 0 };
    this.byVirtualService.set(id, own);
    for (const gateway of own.gateways) addCount(this.counts, gateway, own.hosts);
  }
}
