// Istio's objects of a synthetic mesh as YAML. Pure. A fifth of the services have a VirtualService, a tenth a DestinationRule,
// a twentieth an AuthorizationPolicy: the same shares as in the mesh that other control planes were measured with.
import { ROOT_NAMESPACE, type Service, type Workload } from "./shape.ts";

const ROUTE_EVERY = 5;
const RULE_EVERY = 10;
const POLICY_EVERY = 20;

export function hasRoute({ index }: Service): boolean {
  return index % ROUTE_EVERY === 0;
}

export function hasRule({ index }: Service): boolean {
  return index % RULE_EVERY === 0;
}

export function hasPolicy({ index }: Service): boolean {
  return index % POLICY_EVERY === 0;
}

export function meshYaml(connectTimeout?: string): string {
  return `rootNamespace: ${ROOT_NAMESPACE}\n${connectTimeout ? `connectTimeout: ${connectTimeout}\n` : ""}`;
}

/** mTLS is required in the whole mesh. */
export function peerAuthenticationYaml(): string {
  return `apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: ${ROOT_NAMESPACE}}
spec: {mtls: {mode: STRICT}}
`;
}

/** `morePorts` are TCP ports besides 80 and 9000, and become listeners. */
export function serviceYaml(service: Service, morePorts: readonly number[] = []): string {
  const more = morePorts.map((port) => `  - {number: ${port}, name: tcp-${port}, protocol: TCP}\n`).join("");
  return `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: ${service.name}, namespace: ${service.namespace}}
spec:
  hosts: [${service.host}]
  addresses: [${service.address}]
  location: MESH_INTERNAL
  resolution: STATIC
  workloadSelector: {labels: {app: ${service.name}}}
  ports:
  - {number: 80, name: http, protocol: HTTP, targetPort: 8080}
  - {number: 9000, name: tcp, protocol: TCP}
${more}`;
}

export function workloadsYaml(service: Service, addresses: readonly string[]): string {
  return service.endpoints
    .map((workload, endpoint) => workloadYaml(service, workload, addresses[endpoint]!))
    .join("---\n");
}

function workloadYaml(service: Service, workload: Workload, address: string): string {
  const labels = `{app: ${service.name}, version: ${workload.version}}`;
  return `apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: ${workload.name}, namespace: ${service.namespace}, labels: ${labels}}
spec: {address: ${address}, labels: ${labels}, locality: ${workload.locality}, serviceAccount: ${service.name}}
`;
}

export interface RouteEdit {
  /** A request header that the route sets, for edits that proxies must see. */
  readonly header?: string;
  /** An annotation, for edits that no proxy must see. */
  readonly note?: string;
}

/** Canary by header and a split: over two subsets, or over this service and `other` where there are no subsets. */
export function routeYaml(service: Service, other: Service, edit: RouteEdit = {}): string {
  const [one, two] = hasRule(service)
    ? [`{host: ${service.host}, subset: v1}`, `{host: ${service.host}, subset: v2}`]
    : [`{host: ${service.host}}`, `{host: ${other.host}}`];
  const annotations = edit.note ? `, annotations: {bench/note: ${edit.note}}` : "";
  const headers = edit.header ? `\n    headers: {request: {set: {x-bench: ${edit.header}}}}` : "";
  return `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: ${service.name}, namespace: ${service.namespace}${annotations}}
spec:
  hosts: [${service.host}]
  http:
  - name: canary
    match: [{headers: {x-canary: {exact: "yes"}}}]
    route: [{destination: ${two}}]
  - name: split${headers}
    route:
    - {destination: ${one}, weight: 80}
    - {destination: ${two}, weight: 20}
`;
}

export function ruleYaml(service: Service, connectTimeout = "5s"): string {
  return `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: ${service.name}, namespace: ${service.namespace}}
spec:
  host: ${service.host}
  trafficPolicy:
    connectionPool: {tcp: {connectTimeout: ${connectTimeout}}}
    outlierDetection: {consecutive5xxErrors: 7, interval: 30s, baseEjectionTime: 30s}
  subsets:
  - {name: v1, labels: {version: v1}}
  - {name: v2, labels: {version: v2}}
`;
}

export function policyYaml(service: Service): string {
  return `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: ${service.name}, namespace: ${service.namespace}}
spec:
  selector: {matchLabels: {app: ${service.name}}}
  action: ALLOW
  rules:
  - from: [{source: {namespaces: [ns-0, ns-1]}}]
    to: [{operation: {methods: [GET, POST], paths: ["/api/*"]}}]
  - from: [{source: {principals: ["cluster.local/ns/${service.namespace}/sa/${service.name}"]}}]
`;
}

/** Lets all workloads of a namespace be asked for `path` too. */
export function namespacePolicyYaml(namespace: string, path: string): string {
  return `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: bench, namespace: ${namespace}}
spec: {action: ALLOW, rules: [{to: [{operation: {paths: ["/", "${path}"]}}]}]}
`;
}

/** A Lua filter before the router of each sidecar's inbound listener. */
export function envoyFilterYaml(code: string): string {
  return `apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: bench, namespace: ${ROOT_NAMESPACE}}
spec:
  configPatches:
  - applyTo: HTTP_FILTER
    match:
      context: SIDECAR_INBOUND
      listener: {filterChain: {filter: {name: envoy.filters.network.http_connection_manager, subFilter: {name: envoy.filters.http.router}}}}
    patch:
      operation: INSERT_BEFORE
      value:
        name: bench.lua
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua
          inlineCode: "-- ${code}"
`;
}

/** Lets the sidecars of a namespace import nothing but its own services. */
export function ownNamespaceYaml(namespace: string): string {
  return `apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: default, namespace: ${namespace}}
spec: {egress: [{hosts: ["./*"]}]}
`;
}

export function gatewayYaml(): string {
  return `apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: ingress, namespace: ${ROOT_NAMESPACE}}
spec:
  selector: {istio: ingressgateway}
  servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ["*"]}]
`;
}

/** The VirtualService of the gateway's `number`-th host. */
export function gatewayRouteYaml(number: number, service: Service, header = "none"): string {
  return `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: host-${number}, namespace: ${service.namespace}}
spec:
  hosts: [host-${number}.example.com]
  gateways: [${ROOT_NAMESPACE}/ingress]
  http:
  - match: [{uri: {prefix: /api}}]
    headers: {request: {set: {x-bench: ${header}}}}
    route: [{destination: {host: ${service.host}, port: {number: 80}}}]
  - route: [{destination: {host: ${service.host}, port: {number: 80}}}]
`;
}
