// What streams tell about themselves: for metrics, the ledger and the log. Types only; main thread.
import type { MizzenError } from "../../shared/errors.ts";
import type { PushVersion, ViewId } from "../../shared/ids.ts";
import type { ProxyIdentity } from "../../shared/model/proxy.ts";
import type { XdsType } from "../../shared/xds-types.ts";
import type { ErrorDetail } from "./request-wire.ts";
import type { SentResponse, Watch } from "./watch.ts";

/** State of the world, or incremental. */
export type StreamVariant = "sotw" | "delta";

/** A connected proxy, as others see it. */
export interface ProxyStream {
  /** `name.namespace-7`: the proxy's id and a number that no other stream has. */
  readonly connectionId: string;
  readonly variant: StreamVariant;
  readonly identity: ProxyIdentity;
  /** Address of the peer. */
  readonly peer: string;
  /** Wall clock, in milliseconds. */
  readonly connectedAt: number;
  readonly watches: ReadonlyMap<XdsType, Watch>;
  /** The view that was served last; undefined before the first answer. */
  readonly viewId: ViewId | undefined;
}

/** A response that went out. */
export interface SentInfo {
  readonly type: XdsType;
  readonly response: SentResponse;
  readonly bytes: number;
  readonly viewId: ViewId;
  /** Names of the resources in the response, one array for all proxies that are alike. */
  readonly names: readonly string[];
  readonly removed: readonly string[];
  /** How long the generation took that this response waited for. */
  readonly generateMs: number;
  /** How long handing it to the transport took. */
  readonly sendMs: number;
  /** True when a push made it; false for the answer to a request. */
  readonly pushed: boolean;
}

/** Is told of all that happens on all streams. Must not throw. */
export interface StreamObserver {
  connected(stream: ProxyStream): void;
  disconnected(stream: ProxyStream): void;
  sent(stream: ProxyStream, info: SentInfo): void;
  /** A response was acknowledged, or refused with an error. */
  settled(stream: ProxyStream, type: XdsType, response: SentResponse, error: ErrorDetail | undefined): void;
  stale(stream: ProxyStream, type: XdsType, nonce: string): void;
  /** A request that changed what is asked for. */
  subscribed(stream: ProxyStream, type: XdsType): void;
  unknownType(stream: ProxyStream, typeUrl: string): void;
  /** Generation failed; the proxy keeps what it has. */
  failed(stream: ProxyStream, type: XdsType, error: MizzenError): void;
  /** All that these pushes had for the proxy was sent, or the proxy is gone. */
  served(stream: ProxyStream, versions: readonly PushVersion[]): void;
}
