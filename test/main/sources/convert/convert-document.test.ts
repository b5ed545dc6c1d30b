// Raw documents to records: what is read of Kubernetes' objects, what is skipped, and what is rejected.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseYaml } from "../../../../src/main/config/yaml-documents.ts";
import { type Converted, convertDocument } from "../../../../src/main/sources/convert/convert-document.ts";
import { loadDescriptors } from "../../../../src/main/validation/structural/descriptors.ts";
import { createValidator } from "../../../../src/main/validation/validate-object.ts";
import type { MeshObject } from "../../../../src/shared/model/delta.ts";
import type { KubeEndpointSlice, KubePod, KubeSecret, KubeService } from "../../../../src/shared/model/kube.ts";

const features = { ipAutoAllocate: true, wildcardHostServiceEntriesForTls: false };
const validate = createValidator({ descriptors: loadDescriptors(), features });

function convert(text: string): Converted[] {
  const parsed = parseYaml({ text, line: 1 });
  assert.ok(parsed.ok);
  return convertDocument(parsed.value, { source: "test" }, validate);
}

function objects<T extends MeshObject>(text: string): T[] {
  return convert(text).map((converted) => {
    assert.equal(converted.outcome, "object", JSON.stringify(converted));
    return (converted as { object: MeshObject }).object as T;
  });
}

function errors(text: string): string[] {
  return convert(text).flatMap((converted) =>
    converted.outcome === "rejected" ? converted.errors.map((e) => `${e.field}: ${e.reason}`) : [],
  );
}

describe("Kubernetes", () => {
  it("reads services", () => {
    const [service] = objects<KubeService>(`
apiVersion: v1
kind: Service
metadata: {name: web, creationTimestamp: "2026-01-01T00:00:00Z", annotations: {empty: }}
spec:
  clusterIP: 10.0.0.1
  selector: {app: web}
  ports:
  - {name: http, port: 80, targetPort: web}
  - {port: 81, protocol: UDP, appProtocol: dns}
status: {loadBalancer: {ingress: [{hostname: lb.example}, {ip: 1.2.3.4}]}}`);
    assert.equal(service!.meta.namespace, "default");
    assert.equal(service!.meta.creationTimestamp, Date.UTC(2026, 0, 1));
    assert.deepEqual(service!.meta.annotations, { empty: "" });
    assert.deepEqual(service!.clusterIPs, ["10.0.0.1"]);
    assert.deepEqual(service!.loadBalancerAddresses, ["lb.example", "1.2.3.4"]);
    assert.deepEqual(service!.ports, [
      { name: "http", protocol: "TCP", port: 80, targetPort: "web", nodePort: 0 },
      { name: "", protocol: "UDP", appProtocol: "dns", port: 81, targetPort: 81, nodePort: 0 },
    ]);
  });

  it("reads slices, and Endpoints as slices by subset and family", () => {
    const [slice] = objects<KubeEndpointSlice>(`
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: web-1, labels: {kubernetes.io/service-name: web}}
addressType: IPv4
ports: [{name: http, port: 80}, {name: any}]
endpoints:
- {addresses: [10.0.0.1], targetRef: {kind: Pod, name: p}, zone: z}
- {addresses: [10.0.0.2], conditions: {ready: false, serving: true, terminating: true}}`);
    assert.equal(slice!.serviceName, "web");
    assert.deepEqual(slice!.ports, [{ name: "http", port: 80, protocol: "TCP" }]);
    assert.deepEqual(
      slice!.endpoints.map((e) => [e.ready, e.serving, e.terminating, e.podName]),
      [
        [true, true, false, "p"],
        [false, true, true, ""],
      ],
    );
    const slices = objects<KubeEndpointSlice>(`
apiVersion: v1
kind: Endpoints
metadata: {name: web}
subsets:
- {addresses: [{ip: 10.0.0.1}, {ip: "fd00::1"}], ports: [{port: 1}]}
- {notReadyAddresses: [{ip: 10.0.0.2}], ports: [{port: 2}]}`);
    assert.deepEqual(
      slices.map((s) => [s.meta.name, s.serviceName, s.addressType, s.ports[0]!.port, s.endpoints[0]!.ready]),
      [
        ["web", "web", "IPv4", 1, true],
        ["web~1", "web", "IPv6", 1, true],
        ["web~2", "web", "IPv4", 2, false],
      ],
    );
  });

  it("names the workload behind a pod", () => {
    const pod = (kind: string, name: string, labels = "{}"): string => `
apiVersion: v1
kind: Pod
metadata: {name: p, labels: ${labels}, ownerReferences: [{kind: ${kind}, name: ${name}, controller: true}]}
spec:
  containers: [{ports: [{name: http, containerPort: 80}, {containerPort: 81}]}]
  initContainers: [{restartPolicy: Always, ports: [{name: side, containerPort: 82}]}, {ports: [{name: no, containerPort: 83}]}]
status: {podIP: 10.0.0.1, conditions: [{type: Ready, status: "True"}]}`;
    for (const [text, name, kind] of [
      [pod("ReplicaSet", "web-5d", "{pod-template-hash: 5d}"), "web", "Deployment"],
      [pod("ReplicaSet", "web-5d", "{rollouts-pod-template-hash: 5d}"), "web", "Rollout"],
      [pod("ReplicaSet", "web-5d"), "web-5d", "ReplicaSet"],
      [pod("StatefulSet", "db"), "db", "StatefulSet"],
      [pod("Job", "tidy-28000000"), "tidy", "CronJob"],
      [pod("Job", "once"), "once", "Job"],
    ] as const) {
      const [found] = objects<KubePod>(text);
      assert.deepEqual([found!.workloadName, found!.workloadKind], [name, kind]);
      assert.equal(found!.ready, true);
      assert.deepEqual(found!.ips, ["10.0.0.1"]);
      assert.deepEqual(
        found!.namedPorts.map((p) => p.name),
        ["http", "side"],
      );
    }
  });

  it("reads secrets with plain texts, and cluster-scoped objects", () => {
    const [secret] = objects<KubeSecret>(
      "{apiVersion: v1, kind: Secret, metadata: {name: s}, data: {a: QQ==}, stringData: {b: B}}",
    );
    assert.deepEqual(secret!.data, { a: "QQ==", b: "Qg==" });
    const [node] = objects("{apiVersion: v1, kind: Node, metadata: {name: n, namespace: x}}");
    assert.equal(node!.meta.namespace, "");
  });

  it("names what is wrong", () => {
    assert.deepEqual(
      errors("{apiVersion: v1, kind: Service, metadata: {labels: {a: 1}}, spec: {ports: [{port: 0}, x], type: Odd}}"),
      [
        "metadata.name: is required",
        'metadata.labels["a"]: must be a string, not a number',
        'spec.type: "Odd" is not one of ClusterIP, NodePort, LoadBalancer, ExternalName',
        "spec.ports[1]: must be an object, not a string",
        "spec.ports[0].port: is required",
      ],
    );
  });
});

describe("documents", () => {
  it("unrolls lists, whose items need not say what they are", () => {
    const list = `
apiVersion: v1
kind: List
items:
- {apiVersion: v1, kind: Namespace, metadata: {name: a}}
- {apiVersion: networking.istio.io/v1, kind: Sidecar, metadata: {name: s}, spec: {egres: []}}`;
    const [namespace, sidecar] = convert(list);
    assert.equal(namespace!.outcome, "object");
    assert.deepEqual(sidecar, {
      outcome: "rejected",
      path: "items[1]",
      key: { kind: "Sidecar", namespace: "default", name: "s" },
      errors: [{ field: "spec.egres", reason: "unknown field; did you mean egress?" }],
    });
    assert.equal(objects("{apiVersion: v1, kind: PodList, items: [{metadata: {name: p}}]}")[0]!.kind, "Pod");
  });

  it("skips what a mesh doesn't need, and kinds of other groups", () => {
    for (const what of [
      "apps/v1 Deployment",
      "v1 ServiceAccount",
      "serving.knative.dev/v1 Service",
      "install.istio.io/v1alpha1 IstioOperator",
    ]) {
      const [apiVersion, kind] = what.split(" ");
      assert.deepEqual(convert(`{apiVersion: ${apiVersion}, kind: ${kind}, metadata: {name: x}}`), [
        { outcome: "skipped", what },
      ]);
    }
    assert.deepEqual(convert("# nothing"), []);
  });

  it("rejects what says not what it is, and misspelt kinds of Istio's groups", () => {
    assert.deepEqual(errors("a: 1"), ["kind: is required"]);
    assert.deepEqual(errors("[1]"), [": must be an object with apiVersion and kind"]);
    assert.deepEqual(errors("{apiVersion: networking.istio.io/v1, kind: VirtualServices}"), [
      "kind: unknown kind; did you mean VirtualService?",
    ]);
    assert.match(
      errors("{apiVersion: networking.istio.io/v2, kind: Gateway}")[0]!,
      /^apiVersion: .* does not serve Gateway/,
    );
  });

  it("takes every served version of every kind's group", () => {
    const spec = "{hosts: [a.example], ports: [{number: 80, name: http, protocol: HTTP}], resolution: DNS}";
    for (const version of ["v1", "v1beta1", "v1alpha3"]) {
      objects(`{apiVersion: networking.istio.io/${version}, kind: ServiceEntry, metadata: {name: x}, spec: ${spec}}`);
    }
  });
});
