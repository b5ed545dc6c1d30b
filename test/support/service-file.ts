// Objects as text, for folders that control planes watch.

/** A ServiceEntry of `NAME.example.com:80` in the mesh, with one endpoint. */
export function serviceText(name: string, address: string): string {
  return `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: ${name}, namespace: default}
spec:
  hosts: [${name}.example.com]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{number: 80, name: http, protocol: HTTP}]
  endpoints: [{address: ${address}}]
`;
}
