// Names by which gRPC's own xDS clients and servers ask for listeners. Any thread, pure.
// https://github.com/grpc/proposal/blob/master/A27-xds-global-load-balancing.md (clients)
// https://github.com/grpc/proposal/blob/master/A36-xds-for-servers.md (servers)

/** What Istio's agent puts before the address of a server's listener (`server_listener_resource_name_template`). */
const SERVER_PREFIX = "xds.istio.io/grpc/lds/inbound/";

export interface HostPort {
  /** An IPv6 address without brackets. */
  readonly host: string;
  readonly port: number;
}

/** The address that a server listens on, of a listener's name; undefined for any other name. */
export function serverListener(name: string): HostPort | undefined {
  return name.startsWith(SERVER_PREFIX) ? parseHostPort(name.slice(SERVER_PREFIX.length)) : undefined;
}

/** `host:port`, as in a client's target; undefined without a port that makes sense. */
export function parseHostPort(text: string): HostPort | undefined {
  const match = /^(?:\[([^\]]+)\]|([^:/]+)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (!match || port === 0 || port > 65_535) return undefined;
  return { host: match[1] ?? match[2]!, port };
}

/**
 * The hosts that a client in a namespace may mean, most likely first: what it says, and its completions as a resolver makes
 * them. `domain` is the client's, such as `shop.svc.cluster.local`.
 */
export function candidateHosts(host: string, domain: string): readonly string[] {
  const said = host.endsWith(".") ? host.slice(0, -1) : host;
  const mesh = domain.slice(domain.indexOf(".") + 1);
  const [, namespace, svc, ...rest] = said.split(".");
  if (namespace === undefined) return [said, `${said}.${domain}`];
  if (!mesh.startsWith("svc.") || rest.length > 0) return [said];
  if (svc === undefined) return [said, `${said}.${mesh}`];
  return svc === "svc" ? [said, `${said}${mesh.slice("svc".length)}`] : [said];
}
