// The gRPC server with the aggregated discovery service, in both variants. Main thread.
import * as grpc from "@grpc/grpc-js";
import { type ErrorCode, errorCode, errorMessage, MizzenError } from "../../shared/errors.ts";
import type { ListenAddress } from "../config/options.ts";
import type { Logger } from "../telemetry/log.ts";
import { type AdsCall, CallStream } from "./call-stream.ts";
import { Listener } from "./listener.ts";
import { MAX_NODE_BYTES, readIdentity } from "./proxy-identity.ts";
import { RateLimit } from "./rate-limit.ts";
import { type DeltaRequest, decodeDeltaRequest, decodeSotwRequest, type SotwRequest } from "./request-wire.ts";
import type { ResponseMessage } from "./response-wire.ts";
import type { ServerDeps } from "./session-contracts.ts";
import type { StreamVariant } from "./stream-observer.ts";
import { StreamSession } from "./stream-session.ts";
import type { StreamSet } from "./stream-set.ts";

/** Limits of the server, and who is told of what happens. */
export interface AdsServerOptions {
  readonly maxRecvBytes: number;
  readonly maxStreams: number;
  readonly maxRequestsPerSecond: number;
  readonly keepaliveIntervalMs: number;
  readonly keepaliveTimeoutMs: number;
  /** Infinity: connections are not closed for their age. */
  readonly maxConnectionAgeMs: number;
  readonly log: Logger;
  /** Told of requests' sizes and of streams that were refused or broken. */
  readonly onRequest?: (bytes: number) => void;
  readonly onRefused?: (reason: string) => void;
}

/** Longest time that a new stream waits for its turn before it is refused. */
const MAX_STREAM_WAIT_MS = 1_000;
/** Time that a connection has to end by itself once it is too old. */
const CONNECTION_AGE_GRACE_MS = 10_000;

/** Errors that the proxy made, and what its stream ends with. */
const CALLERS_FAULT: Partial<Record<ErrorCode, grpc.status>> = {
  MIZZEN_ERR_NODE: grpc.status.INVALID_ARGUMENT,
  MIZZEN_ERR_PROTOCOL: grpc.status.INVALID_ARGUMENT,
  MIZZEN_ERR_TOO_LARGE: grpc.status.RESOURCE_EXHAUSTED,
};

const framedElsewhere = (): never => {
  throw new MizzenError("MIZZEN_ERR_INVARIANT", "messages of ADS are read and written by CallStream");
};

function method(name: string): grpc.MethodDefinition<Buffer, ResponseMessage> {
  return {
    path: `/envoy.service.discovery.v3.AggregatedDiscoveryService/${name}`,
    requestStream: true,
    responseStream: true,
    requestSerialize: framedElsewhere,
    requestDeserialize: framedElsewhere,
    responseSerialize: framedElsewhere,
    responseDeserialize: framedElsewhere,
  };
}

const ADS = {
  StreamAggregatedResources: method("StreamAggregatedResources"),
  DeltaAggregatedResources: method("DeltaAggregatedResources"),
};

/** Owns the gRPC server. */
export class AdsServer {
  private readonly server: grpc.Server;
  private readonly options: AdsServerOptions;
  private readonly streams: StreamSet;
  private readonly deps: ServerDeps;
  private readonly rate: RateLimit;
  private readonly listeners: Listener[] = [];
  private readonly calls = new Set<AdsCall>();
  private connections = 0;
  private draining = false;

  constructor(options: AdsServerOptions, streams: StreamSet, deps: ServerDeps) {
    this.options = options;
    this.streams = streams;
    this.deps = deps;
    this.rate = new RateLimit(options.maxRequestsPerSecond, MAX_STREAM_WAIT_MS);
    const { maxConnectionAgeMs } = options;
    this.server = new grpc.Server({
      "grpc.max_receive_message_length": options.maxRecvBytes,
      "grpc.max_send_message_length": -1,
      "grpc.max_concurrent_streams": options.maxStreams,
      "grpc.keepalive_time_ms": options.keepaliveIntervalMs,
      "grpc.keepalive_timeout_ms": options.keepaliveTimeoutMs,
      "grpc.enable_channelz": 0,
      ...(Number.isFinite(maxConnectionAgeMs)
        ? {
            "grpc.max_connection_age_ms": maxConnectionAgeMs,
            "grpc.max_connection_age_grace_ms": CONNECTION_AGE_GRACE_MS,
          }
        : {}),
    });
    this.server.addService(ADS, {
      StreamAggregatedResources: (call: AdsCall) => this.accept(call, "sotw"),
      DeltaAggregatedResources: (call: AdsCall) => this.accept(call, "delta"),
    });
  }

  /** Listens in plain text; gives the address in use. Rejects with MIZZEN_ERR_OPTIONS when it cannot. */
  async listen(address: ListenAddress): Promise<ListenAddress> {
    const { injectConnection } = this.server.createConnectionInjector(grpc.ServerCredentials.createInsecure());
    const { admission } = this.deps;
    const listener = new Listener({ admission, inject: injectConnection, log: this.options.log });
    this.listeners.push(listener);
    return await listener.listen(address);
  }

  /** Ends all streams so that proxies reconnect elsewhere; those that don't go in time are cut. */
  async shutdown(graceMs: number): Promise<void> {
    this.draining = true;
    for (const listener of this.listeners) listener.close();
    this.deps.admission.close();
    const drained = new Promise<void>((resolve) => this.server.tryShutdown(() => resolve()));
    for (const call of this.calls) fail(call, grpc.status.UNAVAILABLE, "the server is shutting down");
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, graceMs);
    });
    await Promise.race([drained, late]);
    clearTimeout(timer);
    this.server.forceShutdown();
  }

  private accept(call: AdsCall, variant: StreamVariant): void {
    const refuse = (code: grpc.status, reason: string): void => {
      this.deps.admission.settled(call.getPeer());
      this.options.onRefused?.(reason);
      this.options.log.warn({ peer: call.getPeer(), reason }, "stream refused");
      fail(call, code, reason);
    };
    if (this.draining) {
      refuse(grpc.status.UNAVAILABLE, "the server is shutting down");
      return;
    }
    const wait = this.rate.reserve(this.deps.now());
    if (wait === undefined) {
      refuse(grpc.status.RESOURCE_EXHAUSTED, "too many new streams; try again later");
      return;
    }

    const ended = (): void => {
      this.calls.delete(call);
      stream.stop();
      if (state.session) {
        this.streams.delete(state.session);
        state.session.close();
        state.session = undefined;
      }
    };
    const broken = (error: Error): void => {
      this.options.log.debug({ peer: call.getPeer(), reason: errorMessage(error) }, "stream broken");
      ended();
    };
    const refused = (error: unknown): void => {
      const status = CALLERS_FAULT[errorCode(error, "MIZZEN_ERR_INVARIANT")];
      if (status === undefined)
        this.options.log.error({ peer: call.getPeer(), error: errorMessage(error) }, "request failed");
      ended();
      refuse(status ?? grpc.status.INTERNAL, errorMessage(error));
    };
    const stream = new CallStream(call, this.options.maxRecvBytes, {
      message: (bytes) => {
        this.options.onRequest?.(bytes.length);
        try {
          this.message(state, bytes);
        } catch (error) {
          refused(error);
        }
      },
      malformed: refused,
      ended: () => {
        ended();
        call.end();
      },
      broken,
      drained: () => state.session?.drained(),
    });
    const state: CallState = { call, variant, stream, session: undefined };
    this.calls.add(call);
    call.on("cancelled", ended);
    call.on("close", ended);
    call.on("error", broken);
    if (wait === 0) stream.read();
    else {
      const timer = setTimeout(() => stream.read(), wait);
      call.on("close", () => clearTimeout(timer));
      call.on("cancelled", () => clearTimeout(timer));
    }
  }

  private message(state: CallState, message: Buffer): void {
    const request =
      state.variant === "sotw"
        ? decodeSotwRequest(message, state.session?.repeatedNames())
        : decodeDeltaRequest(message);
    if (!state.session) {
      state.session = this.connect(state, request.node);
      this.deps.admission.settled(state.session.peer);
    }
    if (state.variant === "sotw") state.session.sotwRequest(request as SotwRequest);
    else state.session.deltaRequest(request as DeltaRequest);
  }

  private connect({ call, variant, stream }: CallState, node: Uint8Array | undefined): StreamSession {
    if (!node) {
      throw new MizzenError("MIZZEN_ERR_NODE", `the first request has no node (of at most ${MAX_NODE_BYTES} bytes)`);
    }
    const proxy = readIdentity(node);
    const session = new StreamSession(
      {
        connectionId: `${proxy.id}-${++this.connections}`,
        variant,
        identity: proxy,
        peer: call.getPeer(),
        connectedAt: Date.now(),
      },
      {
        send: (message) => stream.write(message),
        expect: (bytes) => {
          const { connection } = stream;
          if (connection) this.deps.readPace.hold(connection, bytes);
        },
        together: (run) => stream.together(run),
        end: (reason) => fail(call, grpc.status.INTERNAL, reason.message),
      },
      this.deps,
    );
    this.streams.add(session);
    return session;
  }
}

/** A call with the session that its first request began. */
interface CallState {
  readonly call: AdsCall;
  readonly variant: StreamVariant;
  readonly stream: CallStream;
  session: StreamSession | undefined;
}

/** Ends a call with a status, as grpc-js wants it. */
function fail(call: AdsCall, code: grpc.status, details: string): void {
  call.emit("error", { code, details, message: details });
}
