// What a stream session stands between: the transport, and what all sessions share. Types only; main thread.
import type { MizzenError } from "../../shared/errors.ts";
import type { PushVersion } from "../../shared/ids.ts";
import type { ProxyIdentity } from "../../shared/model/proxy.ts";
import type { Schedule } from "../../shared/schedule.ts";
import type { Planner, ResourceProvider, SnapshotSource } from "../push/contracts.ts";
import type { Admission } from "./admission.ts";
import type { NameSets } from "./name-sets.ts";
import type { PushQueue } from "./push-queue.ts";
import type { ReadPace } from "./read-pace.ts";
import type { ResponseMessage } from "./response-wire.ts";
import type { StreamObserver, StreamVariant } from "./stream-observer.ts";
import type { WriteBudget } from "./write-budget.ts";

/** The way to the proxy. */
export interface StreamTransport {
  /** False when the proxy doesn't read fast enough: `drained` of the session says when it does again. */
  send(message: ResponseMessage): boolean;
  /** An answer of so many bytes is to come: it is read when the pushes under way are out. */
  expect(bytes: number): void;
  /** What `run` sends goes to the transport together. */
  together(run: () => void): void;
  /** Ends the stream; the proxy comes back with a new one. */
  end(reason: MizzenError): void;
}

/** What all sessions share. */
export interface SessionDeps {
  readonly snapshots: SnapshotSource;
  readonly planner: Planner;
  readonly provider: ResourceProvider;
  readonly queue: PushQueue;
  readonly budget: WriteBudget;
  readonly observer: StreamObserver;
  readonly names: NameSets;
  readonly schedule: Schedule;
  readonly now: () => number;
  /** The version_info of responses from a snapshot: also tells this process from others. */
  readonly versionInfo: (version: PushVersion) => string;
  /** The serialized `ControlPlane` of responses. */
  readonly controlPlane: Uint8Array;
}

/** What the streams' server needs besides. */
export interface ServerDeps extends SessionDeps {
  readonly readPace: ReadPace;
  readonly admission: Admission;
}

/** Who is at the other end. */
export interface SessionPeer {
  readonly connectionId: string;
  readonly variant: StreamVariant;
  readonly identity: ProxyIdentity;
  readonly peer: string;
  readonly connectedAt: number;
}
