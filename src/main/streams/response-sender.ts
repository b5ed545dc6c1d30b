// Sends one stream what was generated for it: in which order, what of it has to wait, and with which nonces. Main thread.
import type { PushVersion } from "../../shared/ids.ts";
import type { ProxyViewRef } from "../../shared/model/proxy.ts";
import { PUSH_ORDER } from "../../shared/xds-types.ts";
import type { AffectedNames, PublishedSnapshot } from "../push/contracts.ts";
import { changesAnything, type Outgoing, type WrittenResponse, writeResponse } from "./outgoing.ts";
import type { RemovalHold } from "./removal-hold.ts";
import type { SessionDeps, StreamTransport } from "./session-contracts.ts";
import type { ProxyStream } from "./stream-observer.ts";
import { withoutNames } from "./stream-work.ts";
import { newClusters, type WarmingGate } from "./warming-gate.ts";
import { markDirty, type Watch } from "./watch.ts";

/** Acknowledgements that take long to read. */
const LARGE_ANSWER_BYTES = 16 * 1024;
/** What fits into the smallest window of HTTP/2. */
const SMALL_RESPONSE_BYTES = 16 * 1024;

/** What a sender works with. */
export interface SenderParts {
  /** Whom it sends to. */
  readonly stream: ProxyStream;
  readonly transport: StreamTransport;
  readonly deps: Pick<SessionDeps, "budget" | "observer" | "now" | "versionInfo" | "controlPlane">;
  readonly hold: RemovalHold;
  readonly gate: WarmingGate;
  /** Called when something that was to be sent has to be generated again. */
  readonly wake: () => void;
}

/** Where answers come from. */
export interface AnswerOrigin {
  readonly snapshot: PublishedSnapshot;
  readonly view: ProxyViewRef;
  /** When generation began: `now` of the sender's parts. */
  readonly started: number;
}

/** Writes responses to one stream, and notes in its watches what the proxy has then. */
export class ResponseSender {
  private readonly parts: SenderParts;
  private nonces = 0;
  private blocked = false;

  constructor(parts: SenderParts) {
    this.parts = parts;
  }

  /** True while the proxy doesn't read what was sent: until `drained`, nothing more should be. */
  get isBlocked(): boolean {
    return this.blocked;
  }

  /** The proxy reads again. */
  drained(): void {
    this.blocked = false;
    this.parts.deps.budget.release(this);
  }

  /** Sends no more. */
  close(): void {
    this.parts.deps.budget.release(this);
  }

  /** Sends answers of one push, in push order. What has to wait is put back into its watch. */
  send(out: readonly Outgoing[], origin: AnswerOrigin): void {
    const { hold, transport, deps } = this.parts;
    const holding = hold.decide(out);
    const generateMs = deps.now() - origin.started;
    if (out.length < 2) {
      for (const outgoing of out) this.sendOne(outgoing, holding, origin, generateMs);
      return;
    }
    const ordered = [...out].sort((a, b) => PUSH_ORDER.indexOf(a.watch.type) - PUSH_ORDER.indexOf(b.watch.type));
    transport.together(() => {
      for (const outgoing of ordered) this.sendOne(outgoing, holding, origin, generateMs);
    });
  }

  private sendOne(outgoing: Outgoing, holding: boolean, origin: AnswerOrigin, generateMs: number): void {
    const { stream, deps, hold, gate } = this.parts;
    const o = outgoing.watch.type === "EDS" ? withoutNames(outgoing, hold.silenced) : outgoing;
    const { watch } = o;
    const { type } = watch;
    if (watch.epoch !== o.epoch) {
      // The subscription changed while the endpoints of its clusters were generated.
      putBack(o, "all");
      this.parts.wake();
      return;
    }
    // A proxy that begins waits for its clusters by itself, and gRPC's clients always do.
    if (type === "CDS" && watch.sent && stream.identity.generator === "envoy") {
      gate.clustersSent(newClusters(o.difference.sole, watch.held));
    }
    if ((type === "LDS" || type === "RDS") && gate.isClosed) {
      putBack(o, changesAnything(o) ? affectedNames(o) : undefined);
      return;
    }
    const { version } = origin.snapshot;
    const written = writeResponse(o, stream.variant, holding && (type === "CDS" || type === "EDS"), {
      type,
      version: deps.versionInfo(version),
      nonce: this.nonce(watch, version),
      controlPlane: deps.controlPlane,
      snapshot: version,
    });
    if (!written) return;
    if (type === "EDS") gate.endpointsSent(written.names, written.removed);
    this.transmit(o, written, origin, generateMs);
  }

  private transmit(
    { watch, mustRespond }: Outgoing,
    written: WrittenResponse,
    origin: AnswerOrigin,
    generateMs: number,
  ): void {
    const { stream, transport, deps } = this.parts;
    const bytes = written.message.byteLength;
    const { response } = written;
    const pushed = watch.sent !== undefined && !mustRespond;
    watch.sent = response;
    watch.outstanding = true;
    const sending = deps.now();
    if (!transport.send(written.message)) {
      this.blocked = true;
      deps.budget.hold(this, bytes);
    }
    const repeated = watch.namesBytes?.length ?? 0;
    // A large response needs the proxy's window updates, which come the same way.
    if (repeated > LARGE_ANSWER_BYTES && bytes <= SMALL_RESPONSE_BYTES && !this.blocked) transport.expect(repeated);
    deps.observer.sent(stream, {
      type: watch.type,
      response,
      bytes,
      viewId: origin.view.id,
      names: written.names,
      removed: written.removed,
      generateMs,
      sendMs: deps.now() - sending,
      pushed,
    });
  }

  /** The first answer of a type from a snapshot has the same nonce on all streams, so that they share its bytes. */
  private nonce({ sent }: Watch, version: PushVersion): string {
    return sent?.version === version ? `${version}-${++this.nonces}` : `${version}`;
  }
}

/** What did not go out has to be looked at again. */
function putBack({ watch, mustRespond }: Outgoing, affected: AffectedNames | undefined): void {
  if (affected !== undefined) markDirty(watch, affected);
  if (mustRespond) watch.mustRespond = true;
}

function affectedNames({ names }: Outgoing): AffectedNames {
  return names === null ? "all" : new Set(names);
}
