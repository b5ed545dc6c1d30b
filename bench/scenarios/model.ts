// What a scenario is: a mesh, proxies, and steps that are measured one after the other on one server.
import type { Mode } from "../client/messages.ts";
import type { ChangeKind } from "../mesh/changes.ts";
import type { ProxyKind } from "../mesh/nodes.ts";
import type { MeshShape } from "../mesh/shape.ts";

export interface Scenario {
  readonly name: string;
  /** What it shows, in a line. */
  readonly about: string;
  /** One server for each. */
  readonly meshes: readonly NamedMesh[];
  readonly proxies: { readonly kind: ProxyKind; readonly count: number };
  readonly modes: readonly Mode[];
  readonly steps: readonly Step[];
  /** Part of `make bench` without arguments. */
  readonly usual: boolean;
}

export interface NamedMesh {
  readonly name: string;
  readonly shape: MeshShape;
}

export type Step =
  /** All proxies connect at once. Every scenario begins so. */
  | { readonly do: "connect" }
  /** One edit, `times` times, each after the server has become idle. */
  | { readonly do: "change"; readonly kind: ChangeKind; readonly times: number }
  /** Endpoints of all services in turn; meanwhile also so many edits of a route, whose arrival isn't measured. */
  | { readonly do: "churn"; readonly perSecond: number; readonly seconds: number; readonly routesPerSecond?: number }
  /** All endpoints of the first service, one after the other. */
  | { readonly do: "rolling"; readonly perSecond: number }
  /** The server is killed and started again, with a change in between that the proxies must learn of. */
  | { readonly do: "reconnect" }
  /** Endpoint and route changes, and proxies that come and go. `--minutes` says how long. */
  | { readonly do: "soak" }
  /** Workers die, a proxy stalls, others send garbage or go at once; then all must be right. */
  | { readonly do: "faults"; readonly seconds: number };
