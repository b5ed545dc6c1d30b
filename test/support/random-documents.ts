// What random documents have in common: names over a handful of hosts and namespaces, and their metadata.
import fc from "fast-check";

export type Raw = Readonly<Record<string, unknown>>;

export const NAMESPACES = ["default", "other", "istio-system"] as const;
export const KUBE_HOSTS = ["a.default.svc.cluster.local", "b.other.svc.cluster.local"] as const;
export const HOSTS = ["a.example.com", "b.example.com", ...KUBE_HOSTS] as const;

export const name = fc.constantFrom("one", "two");
export const namespace = fc.constantFrom(...NAMESPACES);
export const labels = fc.constantFrom({ app: "a" }, { app: "b" }, { version: "v1" }, { app: "a", version: "v2" });
export const address = fc.constantFrom("10.0.0.1", "10.0.0.2", "10.0.0.9");
export const locality = fc.constantFrom("", "r1/z1/s1", "r1/z2", "r2/z1");
export const maybe = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(arbitrary, { nil: undefined });

/** Without members that are undefined, at any depth. */
export function plain<T>(value: T): T {
  return JSON.parse(JSON.stringify(value)) as T;
}

/** A document of Istio's from a record with its name, namespace, age and spec. */
export function document(kind: string, group: string, spec: fc.Arbitrary<Raw>, where = namespace): fc.Arbitrary<Raw> {
  const age = fc.constantFrom(undefined, "2024-01-01T00:00:00Z", "2025-01-01T00:00:00Z");
  return fc.record({ name, namespace: where, age, spec }).map((r) =>
    plain({
      apiVersion: `${group}.istio.io/v1`,
      kind,
      metadata: { name: r.name, namespace: r.namespace, creationTimestamp: r.age },
      spec: r.spec,
    }),
  );
}

export const PORTS = [
  { number: 80, name: "http", protocol: "HTTP" },
  { number: 443, name: "tls", protocol: "TLS" },
  { number: 9000, name: "tcp", protocol: "TCP" },
  { number: 7000, name: "auto", protocol: "" },
] as const;
