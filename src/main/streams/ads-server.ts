// The gRPC server with the aggregated discovery service, in both variants. Main thread.
import * as grpc from "@grpc/grpc-js";
import { errorCode, errorMessage, MizzenError } from "../../shared/errors.ts";
import type { ListenAddress } from "../config/options.ts";
import type { Logger } from "../telemetry/log.ts";
import { MAX_NODE_BYTES, readIdentity } from "./proxy-identity.ts";
import { RateLimit } from "./rate-limit.ts";
import { type DeltaRequest, decodeDeltaRequest, decodeSotwRequest, type SotwRequest } from "./request-wire.ts";
import type { ResponseMessage } from "./response-wire.ts";
import type { SessionDeps } from "./session-contracts.ts";
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

type Call = grpc.ServerDuplexStream<Buffer, ResponseMessage>;

const identity = (bytes: Buffer): Buffer => bytes;
/** grpc-js copies a message into a frame of its own, and asks for nothing but its length and `copy`. */
const serialize = (message: ResponseMessage): Buffer => message as unknown as Buffer;
const notForServers = (): never => {
  throw new MizzenError("MIZZEN_ERR_INVARIANT", "the server doesn't decode responses");
};

function method(name: string): grpc.MethodDefinition<Buffer, ResponseMessage> {
  return {
    path: `/envoy.service.discovery.v3.AggregatedDiscoveryService/${name}`,
    requestStream: true,
    responseStream: true,
    requestSerialize: identity,
    requestDeserialize: identity,
    responseSerialize: serialize,
    responseDeserialize: notForServers,
  };
}

/** Messages are Buffers on both sides: bodies were encoded by the workers, and are only passed on. */
const ADS = {
  StreamAggregatedResources: method("StreamAggregatedResources"),
  DeltaAggregatedResources: method("DeltaAggregatedResources"),
};

/** Owns the gRPC server. */
export class AdsServer {
  private readonly server: grpc.Server;
  private readonly options: AdsServerOptions;
  private readonly streams: StreamSet;
  private readonly deps: SessionDeps;
  private readonly rate: RateLimit;
  private readonly calls = new Set<Call>();
  private connections = 0;
  private draining = false;

  constructor(options: AdsServerOptions, streams: StreamSet, deps: SessionDeps) {
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
      StreamAggregatedResources: (call: Call) => this.accept(call, "sotw"),
      DeltaAggregatedResources: (call: Call) => this.accept(call, "delta"),
    });
  }

  /** Listens in plain text; gives the address in use. */
  async listen(address: ListenAddress): Promise<ListenAddress> {
    const host = address.host === "" ? "[::]" : address.host.includes(":") ? `[${address.host}]` : address.host;
    try {
      return { host: address.host, port: await this.bind(`${host}:${address.port}`) };
    } catch (error) {
      // A machine without IPv6.
      if (address.host !== "") throw error;
      return { host: "", port: await this.bind(`0.0.0.0:${address.port}`) };
    }
  }

  /** Ends all streams so that proxies reconnect elsewhere; those that don't go in time are cut. */
  async shutdown(graceMs: number): Promise<void> {
    this.draining = true;
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

  private bind(target: string): Promise<number> {
    return new Promise((resolve, reject) => {
      this.server.bindAsync(target, grpc.ServerCredentials.createInsecure(), (error, port) => {
        if (error) reject(new MizzenError("MIZZEN_ERR_OPTIONS", `cannot listen on ${target}: ${error.message}`));
        else resolve(port);
      });
    });
  }

  private accept(call: Call, variant: StreamVariant): void {
    const refuse = (code: grpc.status, reason: string): void => {
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

    const stream = new CallState(call);
    this.calls.add(call);
    const ended = (): void => {
      this.calls.delete(call);
      if (stream.session) {
        this.streams.delete(stream.session);
        stream.session.close();
        stream.session = undefined;
      }
    };
    call.on("cancelled", ended);
    call.on("close", ended);
    call.on("error", (error: Error) => {
      this.options.log.debug({ peer: call.getPeer(), reason: errorMessage(error) }, "stream broken");
      ended();
    });
    call.on("end", () => {
      ended();
      call.end();
    });
    call.on("drain", () => stream.session?.drained());

    const onMessage = (message: Buffer): void => {
      this.options.onRequest?.(message.length);
      try {
        this.message(stream, variant, message);
      } catch (error) {
        const code = errorCode(error, "MIZZEN_ERR_INVARIANT");
        const caller = code === "MIZZEN_ERR_NODE" || code === "MIZZEN_ERR_PROTOCOL";
        if (!caller) this.options.log.error({ peer: call.getPeer(), error: errorMessage(error) }, "request failed");
        ended();
        refuse(caller ? grpc.status.INVALID_ARGUMENT : grpc.status.INTERNAL, errorMessage(error));
      }
    };
    if (wait === 0) call.on("data", onMessage);
    else {
      const timer = setTimeout(() => call.on("data", onMessage), wait);
      call.on("close", () => clearTimeout(timer));
      call.on("cancelled", () => clearTimeout(timer));
    }
  }

  private message(stream: CallState, variant: StreamVariant, message: Buffer): void {
    const request =
      variant === "sotw" ? decodeSotwRequest(message, stream.session?.repeatedNames()) : decodeDeltaRequest(message);
    stream.session ??= this.connect(stream.call, variant, request.node);
    if (variant === "sotw") stream.session.sotwRequest(request as SotwRequest);
    else stream.session.deltaRequest(request as DeltaRequest);
  }

  private connect(call: Call, variant: StreamVariant, node: Uint8Array | undefined): StreamSession {
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
        send: (message) => call.write(message),
        end: (reason) => fail(call, grpc.status.INTERNAL, reason.message),
      },
      this.deps,
    );
    this.streams.add(session);
    return session;
  }
}

/** A call with the session that its first request began. */
class CallState {
  readonly call: Call;
  session: StreamSession | undefined;

  constructor(call: Call) {
    this.call = call;
  }
}

/** Ends a call with a status, as grpc-js wants it. */
function fail(call: Call, code: grpc.status, details: string): void {
  call.emit("error", { code, details, message: details });
}
