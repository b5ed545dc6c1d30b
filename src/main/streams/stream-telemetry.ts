// Turns what streams tell into metrics, ledger entries and log lines. Main thread.
import type { MizzenError } from "../../shared/errors.ts";
import type { PushVersion } from "../../shared/ids.ts";
import type { XdsType } from "../../shared/xds-types.ts";
import type { PushLedger, PushRecord } from "../push/push-ledger.ts";
import { summarize } from "../push/push-summary.ts";
import type { Logger } from "../telemetry/log.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import type { ErrorDetail } from "./request-wire.ts";
import type { ProxyStream, SentInfo, StreamObserver } from "./stream-observer.ts";
import type { SentResponse } from "./watch.ts";

/** Where it goes. */
export interface StreamTelemetryOptions {
  readonly ads: Logger;
  readonly push: Logger;
  readonly ledger: PushLedger;
  readonly metrics: Metrics;
  /** Milliseconds, monotonic. */
  readonly now: () => number;
}

/** The observer of all streams. */
export class StreamTelemetry implements StreamObserver {
  private readonly options: StreamTelemetryOptions;
  /** The labels under which a stream's refusals are shown now. */
  private readonly refusals = new WeakMap<ProxyStream, Map<XdsType, { node: string; err: string }>>();

  constructor(options: StreamTelemetryOptions) {
    this.options = options;
  }

  connected(stream: ProxyStream): void {
    const { ads, metrics } = this.options;
    metrics.xds.inc({ version: proxyVersion(stream) });
    ads.info(
      { proxy: stream.connectionId, variant: stream.variant, version: proxyVersion(stream), peer: stream.peer },
      "proxy connected",
    );
  }

  disconnected(stream: ProxyStream): void {
    const { ads, metrics } = this.options;
    metrics.xds.dec({ version: proxyVersion(stream) });
    for (const type of this.refusals.get(stream)?.keys() ?? []) this.clearRefusal(stream, type);
    ads.info({ proxy: stream.connectionId }, "proxy disconnected");
  }

  sent(stream: ProxyStream, info: SentInfo): void {
    const { ads, ledger, metrics, now } = this.options;
    const type = info.type.toLowerCase();
    metrics.pushes.inc({ type });
    metrics.configSize.observe(info.bytes, type);
    metrics.pushTime.observe(info.generateMs / 1000, type);
    metrics.sendTime.observe(info.sendMs / 1000);
    ledger.sent(
      {
        version: info.response.version,
        type: info.type,
        proxy: stream.connectionId,
        viewId: info.viewId,
        names: info.names,
        removed: info.removed,
        bytes: info.bytes,
        generateMs: info.generateMs,
        pushed: info.pushed,
      },
      now(),
    );
    ads.debug(
      {
        proxy: stream.connectionId,
        type: info.type,
        version: info.response.version,
        nonce: info.response.nonce,
        resources: info.names.length,
        removed: info.removed.length,
        bytes: info.bytes,
      },
      info.pushed ? "pushed" : "answered",
    );
  }

  settled(stream: ProxyStream, type: XdsType, response: SentResponse, error: ErrorDetail | undefined): void {
    const { ads, ledger, metrics, now } = this.options;
    ledger.settled(response.version, type, stream.connectionId, error?.message, now());
    this.clearRefusal(stream, type);
    if (!error) {
      ads.debug({ proxy: stream.connectionId, type, nonce: response.nonce }, "acknowledged");
      return;
    }
    metrics.rejects.inc({ type: type.toLowerCase() });
    this.showRefusal(stream, type, { node: stream.identity.id, err: String(error.code) });
    ads.warn(
      { proxy: stream.connectionId, type, version: response.version, nonce: response.nonce, reason: error.message },
      "the proxy rejected its configuration and keeps what it had",
    );
  }

  stale(stream: ProxyStream, type: XdsType, nonce: string): void {
    this.options.metrics.expiredNonces.inc({ type: type.toLowerCase() });
    this.options.ads.debug({ proxy: stream.connectionId, type, nonce }, "answer to an older response ignored");
  }

  subscribed(stream: ProxyStream, type: XdsType): void {
    const watch = stream.watches.get(type);
    this.options.metrics.pushTriggers.inc({ type: "proxyrequest" });
    this.options.ads.debug(
      { proxy: stream.connectionId, type, wildcard: watch?.wildcard, names: watch?.names.size },
      "subscription",
    );
  }

  unknownType(stream: ProxyStream, typeUrl: string): void {
    this.options.ads.debug({ proxy: stream.connectionId, typeUrl }, "request of a type that is not served");
  }

  failed(stream: ProxyStream, type: XdsType, error: MizzenError): void {
    this.options.metrics.internalErrors.inc();
    this.options.ads.error(
      { proxy: stream.connectionId, type, code: error.code, reason: error.message },
      "generation failed; the proxy keeps what it has",
    );
  }

  served(stream: ProxyStream, versions: readonly PushVersion[]): void {
    const { ledger, metrics, now } = this.options;
    const at = now();
    for (const version of versions) {
      const since = ledger.firstChangeMs(version);
      if (since !== undefined && stream.viewId !== undefined) metrics.convergence.observe((at - since) / 1000);
      const record = ledger.served(version, at);
      if (record) this.pushDone(record);
    }
  }

  private showRefusal(stream: ProxyStream, type: XdsType, labels: { node: string; err: string }): void {
    this.options.metrics.typeRejects.get(type.toLowerCase())?.set(labels, 1);
    let refusals = this.refusals.get(stream);
    if (!refusals) {
      refusals = new Map();
      this.refusals.set(stream, refusals);
    }
    refusals.set(type, labels);
  }

  private clearRefusal(stream: ProxyStream, type: XdsType): void {
    const refusals = this.refusals.get(stream);
    const labels = refusals?.get(type);
    if (!labels) return;
    refusals?.delete(type);
    this.options.metrics.typeRejects.get(type.toLowerCase())?.remove(labels);
  }

  /** A push is over: says so where people look. */
  pushDone(record: PushRecord): void {
    this.options.push.info({ version: record.version, merged: record.merged }, `push: ${summarize(record)}`);
  }
}

function proxyVersion(stream: ProxyStream): string {
  const version = stream.identity.node.metadata.ISTIO_VERSION;
  return typeof version === "string" && version !== "" ? version : "unknown";
}
