// A synthetic mesh as a folder of files, one for each object that a scenario edits, and the state of these edits. Files are
// replaced by rename, as editors and mounts do, so that the control plane never reads half a file.
import fs from "node:fs";
import path from "node:path";
import {
  gatewayRouteYaml,
  gatewayYaml,
  hasPolicy,
  hasRoute,
  hasRule,
  meshYaml,
  ownNamespaceYaml,
  peerAuthenticationYaml,
  policyYaml,
  type RouteEdit,
  routeYaml,
  ruleYaml,
  serviceYaml,
  workloadsYaml,
} from "./objects.ts";
import { type MeshShape, ROOT_NAMESPACE, type Service, servicesOf } from "./shape.ts";

export class MeshFolder {
  readonly folder: string;
  readonly shape: MeshShape;
  readonly services: readonly Service[];
  /** Services that proxies of the first group see, and that scenarios change. */
  readonly targets: readonly Service[];
  private readonly addresses = new Map<number, string[]>();
  private readonly routes = new Map<number, RouteEdit>();

  /** Writes all of the mesh into `folder`, which must be empty. */
  constructor(folder: string, shape: MeshShape) {
    this.folder = folder;
    this.shape = shape;
    this.services = servicesOf(shape);
    this.targets = this.services.filter(({ group }) => group === shape.groups[0]);
    this.write("mesh.yaml", meshYaml());
    this.write(`config/${ROOT_NAMESPACE}/peer-authentication.yaml`, peerAuthenticationYaml());
    for (const namespace of this.namespaces(({ ownNamespaceOnly }) => ownNamespaceOnly === true)) {
      this.write(`config/${namespace}/sidecar.yaml`, ownNamespaceYaml(namespace));
    }
    for (const service of this.services) {
      this.addService(service);
      if (hasRoute(service)) this.setRoute(service);
      if (hasRule(service)) this.setRule(service);
      if (hasPolicy(service)) this.write(fileOf(service, "policy"), policyYaml(service));
    }
    if (shape.gatewayHosts) this.write(`config/${ROOT_NAMESPACE}/gateway.yaml`, gatewayYaml());
    for (let number = 0; number < (shape.gatewayHosts ?? 0); number++) this.setGatewayRoute(number);
  }

  setMesh(connectTimeout: string): void {
    this.write("mesh.yaml", meshYaml(connectTimeout));
  }

  addService(service: Service): void {
    this.setPorts(service, []);
    this.writeWorkloads(service, this.addressesOf(service));
  }

  removeService(service: Service): void {
    for (const kind of ["service", "workloads"]) fs.rmSync(this.pathOf(fileOf(service, kind)));
  }

  setPorts(service: Service, more: readonly number[]): void {
    this.write(fileOf(service, "service"), serviceYaml(service, more));
  }

  /** Gives one endpoint of a service another address, as when a pod is replaced. */
  setEndpoint(service: Service, endpoint: number, address: string): void {
    const addresses = this.addressesOf(service);
    addresses[endpoint] = address;
    this.writeWorkloads(service, addresses);
  }

  /** What an earlier edit of the same route has set, and this one doesn't name, stays. */
  setRoute(service: Service, edit?: RouteEdit): void {
    const whole = { ...this.routes.get(service.index), ...edit };
    this.routes.set(service.index, whole);
    const other = this.services[(service.index + 1) % this.services.length]!;
    this.write(fileOf(service, "route"), routeYaml(service, other, whole));
  }

  setRule(service: Service, connectTimeout?: string): void {
    this.write(fileOf(service, "rule"), ruleYaml(service, connectTimeout));
  }

  setGatewayRoute(number: number, header?: string): void {
    const service = this.services[number % this.services.length]!;
    this.write(`config/gateway/host-${number}.yaml`, gatewayRouteYaml(number, service, header));
  }

  /** Writes any other object; `name` is the file's. */
  setObject(name: string, yaml: string): void {
    this.write(`config/${name}.yaml`, yaml);
  }

  private addressesOf(service: Service): string[] {
    const known = this.addresses.get(service.index) ?? service.endpoints.map(({ address }) => address);
    this.addresses.set(service.index, known);
    return known;
  }

  private writeWorkloads(service: Service, addresses: readonly string[]): void {
    this.write(fileOf(service, "workloads"), workloadsYaml(service, addresses));
  }

  private namespaces(of: (group: Service["group"]) => boolean): ReadonlySet<string> {
    return new Set(this.services.filter(({ group }) => of(group)).map(({ namespace }) => namespace));
  }

  private pathOf(name: string): string {
    return path.join(this.folder, name);
  }

  private write(name: string, text: string): void {
    const file = this.pathOf(name);
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(`${file}.new`, text);
    fs.renameSync(`${file}.new`, file);
  }
}

function fileOf(service: Service, kind: string): string {
  return `config/${service.namespace}/${service.name}.${kind}.yaml`;
}
