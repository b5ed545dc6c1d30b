// One ADS stream of either variant: what the proxy watches, and what is sent to it in which order. Main thread.
import { after } from "../../shared/at-once.ts";
import { errorMessage, MizzenError } from "../../shared/errors.ts";
import type { PushVersion, ViewId } from "../../shared/ids.ts";
import type { ProxyIdentity, ProxyViewRef } from "../../shared/model/proxy.ts";
import { PUSH_ORDER, type XdsType, xdsTypeOf } from "../../shared/xds-types.ts";
import type { Publication, PublishedSnapshot } from "../push/contracts.ts";
import { applyDeltaRequest } from "./delta-request.ts";
import { changesAnything, type Outgoing, writeResponse } from "./outgoing.ts";
import type { QueueJob } from "./push-queue.ts";
import { RemovalHold } from "./removal-hold.ts";
import type { DeltaRequest, SotwRequest } from "./request-wire.ts";
import type { SessionDeps, SessionPeer, StreamTransport } from "./session-contracts.ts";
import { applySotwRequest } from "./sotw-request.ts";
import type { ProxyStream, StreamVariant } from "./stream-observer.ts";
import {
  type Answered,
  compareAnswer,
  fetchAnswers,
  giveBack,
  type Taken,
  takeFollowing,
  takeWork,
  withoutNames,
} from "./stream-work.ts";
import { newClusters, WarmingGate } from "./warming-gate.ts";
import { anyWork, hasWork, markDirty, type RequestOutcome, type Watch } from "./watch.ts";

/** Serves one proxy. Requests and publications only take notes; all sending happens in `serve`, which the queue calls. */
export class StreamSession implements QueueJob, ProxyStream {
  readonly connectionId: string;
  readonly variant: StreamVariant;
  readonly identity: ProxyIdentity;
  readonly peer: string;
  readonly connectedAt: number;
  readonly watches = new Map<XdsType, Watch>();
  viewId: ViewId | undefined;
  private readonly deps: SessionDeps;
  private readonly transport: StreamTransport;
  private readonly hold: RemovalHold;
  private readonly gate: WarmingGate;
  /** Pushes that this proxy was not fully served with yet. */
  private awaiting: PushVersion[] = [];
  /** Types whose last generation failed: they are looked at again with the next push, whatever it changes. */
  private readonly failed = new Set<XdsType>();
  /** Clusters that were removed last: what still asks for their endpoints after that gets them. */
  private going: readonly string[] = [];
  private nonces = 0;
  private blocked = false;
  private closed = false;

  constructor(peer: SessionPeer, transport: StreamTransport, deps: SessionDeps) {
    this.connectionId = peer.connectionId;
    this.variant = peer.variant;
    this.identity = peer.identity;
    this.peer = peer.peer;
    this.connectedAt = peer.connectedAt;
    this.transport = transport;
    this.deps = deps;
    this.hold = new RemovalHold(this.watches, deps.schedule, deps.now, () => this.wake());
    this.gate = new WarmingGate(deps.schedule, () => this.wake());
    deps.observer.connected(this);
  }

  /** The serialized names that its acknowledgements repeat, of each type. */
  repeatedNames(): Uint8Array[] {
    const out: Uint8Array[] = [];
    for (const { namesBytes } of this.watches.values()) if (namesBytes?.length) out.push(namesBytes);
    return out;
  }

  /** Takes a state-of-the-world request. */
  sotwRequest(request: SotwRequest): void {
    this.request(request.typeUrl, (type) => applySotwRequest(this.watches, type, request, this.deps.names));
  }

  /** Takes a delta request. */
  deltaRequest(request: DeltaRequest): void {
    this.request(request.typeUrl, (type) => applyDeltaRequest(this.watches, type, request, this.deps.names));
  }

  /** Notes what a new snapshot may change for this proxy. True when that is anything. */
  published({ snapshot, request }: Publication): boolean {
    if (this.closed || this.watches.size === 0) return false;
    const view = this.deps.planner.viewOf(this.identity);
    const plan = view.id === this.viewId ? this.deps.planner.plan(view, request) : undefined;
    let affected = false;
    for (const watch of this.watches.values()) {
      if (plan === undefined || this.failed.has(watch.type)) markDirty(watch, "all");
      else {
        const names = plan.get(watch.type);
        if (names === undefined) continue;
        markDirty(watch, names);
      }
      if (watch.dirty !== undefined) affected = true;
    }
    if (!affected) return false;
    this.awaiting.push(snapshot.version);
    this.wake();
    return true;
  }

  /** The proxy reads again. */
  drained(): void {
    this.blocked = false;
    this.deps.budget.release(this);
    if (anyWork(this.watches)) this.wake();
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.hold.cancel();
    this.gate.cancel();
    this.deps.queue.remove(this);
    this.deps.budget.release(this);
    this.reportServed();
    this.deps.observer.disconnected(this);
  }

  serve(): void | Promise<void> {
    if (this.closed || this.blocked) return;
    try {
      const served = after(this.answer(), (work) => this.inTurn(work));
      return served instanceof Promise ? served.catch((cause: unknown) => this.giveUp(cause)) : served;
    } catch (cause) {
      this.giveUp(cause);
    }
  }

  /** A bug of ours. What was taken out is lost, so that only a new stream gets everything for sure. */
  private giveUp(cause: unknown): never {
    const reason = new MizzenError("MIZZEN_ERR_INVARIANT", errorMessage(cause), { cause });
    this.transport.end(reason);
    throw reason;
  }

  /** Delivers when bytes may be written. */
  private inTurn(work: Work | undefined): void | Promise<void> {
    const turn = work?.taken.some(isLarge) ? this.deps.budget.turn() : undefined;
    if (!work || !turn) return this.deliver(work);
    return turn.then(() => {
      if (work.snapshot === this.deps.snapshots.current()) return this.deliver(work);
      // What came meanwhile goes out with it.
      for (const answered of work.answered) giveBack(answered);
      return after(this.answer(), (newer) => this.deliver(newer));
    });
  }

  private deliver(work: Work | undefined): void | Promise<void> {
    if (!work || !this.isOpen()) return this.delivered();
    const out = this.compare(work.answered);
    // Envoy takes up a changed cluster only when its endpoints come again; gRPC's clients keep what they have.
    const follows = this.identity.generator === "envoy";
    const follow = follows ? takeFollowing(out, this.watches.get("EDS")) : undefined;
    const following = follow ? this.fetch(work.snapshot, work.view, [follow]) : NOTHING;
    return after(following, (answered) => {
      if (answered.length > 0) out.push(...this.compare(answered));
      if (this.isOpen()) this.send(out, work);
      this.delivered();
    });
  }

  private delivered(): void {
    if (!this.isOpen()) return;
    this.hold.touched();
    if (!anyWork(this.watches)) this.reportServed();
  }

  /**
   * Takes out what can be served now, and generates it from the newest snapshot. Undefined when there is nothing; at once when
   * all of it is known already.
   */
  private answer(): Work | undefined | Promise<Work> {
    const { planner, snapshots } = this.deps;
    const snapshot = snapshots.current();
    const view = planner.viewOf(this.identity);
    if (this.viewId !== undefined && view.id !== this.viewId) {
      for (const watch of this.watches.values()) markDirty(watch, "all");
    }
    const taken = this.takeReady();
    if (taken.length === 0) return undefined;
    this.viewId = view.id;
    const started = this.deps.now();
    return after(this.fetch(snapshot, view, taken), (answered) => ({ snapshot, view, taken, started, answered }));
  }

  /** `closed` may change while serving waits. */
  private isOpen(): boolean {
    return !this.closed;
  }

  private wake(): void {
    if (!this.closed && !this.blocked) this.deps.queue.add(this);
  }

  private request(typeUrl: string, apply: (type: XdsType) => RequestOutcome): void {
    const type = xdsTypeOf(typeUrl);
    const { observer } = this.deps;
    if (!type) {
      observer.unknownType(this, typeUrl);
      return;
    }
    const outcome = apply(type);
    switch (outcome.kind) {
      case "ack":
        observer.settled(this, type, outcome.response, undefined);
        if (type === "EDS") this.gate.endpointsSettled();
        break;
      case "nack":
        observer.settled(this, type, outcome.response, outcome.error);
        if (type === "EDS") this.gate.endpointsSettled();
        if (type === "CDS") this.gate.clustersRefused();
        break;
      case "stale":
        observer.stale(this, type, outcome.nonce);
        break;
      case "initial":
      case "subscription":
        observer.subscribed(this, type);
        break;
      case "ignored":
        break;
    }
    if (type === "CDS" && this.going.length > 0) this.tellOfGone();
    this.hold.touched(type);
    const watch = this.watches.get(type)!;
    if (!watch.outstanding && anyWork(this.watches)) this.wake();
  }

  private tellOfGone(): void {
    const endpoints = this.watches.get("EDS");
    if (endpoints) markDirty(endpoints, new Set(this.going));
    this.going = [];
    this.wake();
  }

  /** Takes out what can be served now, in push order. */
  private takeReady(): Taken[] {
    const clusters = this.watches.get("CDS");
    const clustersWait = clusters?.outstanding === true && hasWork(clusters);
    const out: Taken[] = [];
    for (const type of PUSH_ORDER) {
      const watch = this.watches.get(type);
      if (!watch || watch.outstanding || !hasWork(watch)) continue;
      // What refers to clusters comes after them.
      const refers = type === "LDS" || type === "RDS";
      if (refers && (clustersWait || this.gate.isClosed)) continue;
      // Endpoints of clusters that are about to go could be gone already. But those that clusters wait for must come:
      // Envoy acknowledges clusters only when they have them.
      const owed = watch.mustRespond || watch.unanswered.size > 0;
      if (type === "EDS" && clustersWait && watch.dirty === "all" && !owed) continue;
      const taken = takeWork(watch, this.identity.generator);
      if (taken) out.push(taken);
    }
    return out;
  }

  private fetch(
    snapshot: PublishedSnapshot,
    view: ProxyViewRef,
    taken: readonly Taken[],
  ): readonly Answered[] | Promise<readonly Answered[]> {
    const fetched = fetchAnswers(this.deps.provider, snapshot, view, taken, (one, error) =>
      this.generationFailed(one, error),
    );
    return after(fetched, (answered) => {
      if (this.failed.size > 0) for (const { watch } of answered) this.failed.delete(watch.type);
      return answered;
    });
  }

  private generationFailed({ watch }: Taken, error: MizzenError): void {
    this.failed.add(watch.type);
    if (error.code !== "MIZZEN_ERR_DRAINING") this.deps.observer.failed(this, watch.type, error);
  }

  /** Compares answers with what the proxy has. An answer to a subscription that has changed meanwhile is given back. */
  private compare(answered: readonly Answered[]): Outgoing[] {
    const out: Outgoing[] = [];
    for (const answer of answered) {
      if (answer.watch.epoch === answer.epoch) {
        out.push(compareAnswer(answer));
        continue;
      }
      giveBack(answer);
      this.wake();
    }
    return out;
  }

  private send(out: readonly Outgoing[], work: Work): void {
    const holding = this.hold.decide(out);
    const ordered =
      out.length < 2
        ? out
        : [...out].sort((a, b) => PUSH_ORDER.indexOf(a.watch.type) - PUSH_ORDER.indexOf(b.watch.type));
    const generateMs = this.deps.now() - work.started;
    const clusters = ordered.find((o) => o.watch.type === "CDS");
    // The state of the world has no word for endpoints that are gone, which an Envoy that drops the cluster would understand.
    const going = this.variant === "sotw" && !holding ? clusters?.difference.removed : undefined;
    const quiet = going ?? this.hold.heldBack;
    if (going) this.going = going;
    const sendAll = (): void => {
      for (const outgoing of ordered) this.sendOne(outgoing, holding, quiet, work, generateMs);
    };
    if (ordered.length > 1) this.transport.together(sendAll);
    else sendAll();
  }

  /** `quiet`: clusters of whose endpoints the proxy is told nothing. */
  private sendOne(
    outgoing: Outgoing,
    holding: boolean,
    quiet: readonly string[],
    { snapshot, view }: Work,
    generateMs: number,
  ): void {
    const o = outgoing.watch.type === "EDS" ? withoutNames(outgoing, quiet) : outgoing;
    const { type } = o.watch;
    if (o.watch.epoch !== o.epoch) {
      // The subscription changed while the endpoints of its clusters were generated.
      markDirty(o.watch, "all");
      if (o.mustRespond) o.watch.mustRespond = true;
      this.wake();
      return;
    }
    // A proxy that begins waits for its clusters by itself, and gRPC's clients always do.
    if (type === "CDS" && o.watch.sent && this.identity.generator === "envoy") {
      this.gate.clustersSent(newClusters(o.difference.sole, o.watch.held));
    }
    if ((type === "LDS" || type === "RDS") && this.gate.isClosed) {
      if (changesAnything(o)) markDirty(o.watch, o.names === null ? "all" : new Set(o.names));
      if (o.mustRespond) o.watch.mustRespond = true;
      return;
    }
    const written = writeResponse(o, this.variant, holding && (type === "CDS" || type === "EDS"), {
      type,
      version: this.deps.versionInfo(snapshot.version),
      nonce: this.nonce(o.watch, snapshot.version),
      controlPlane: this.deps.controlPlane,
    });
    if (!written) return;
    if (type === "EDS") this.gate.endpointsSent(written.names, written.removed);
    const response = { ...written.response, version: snapshot.version };
    const pushed = o.watch.sent !== undefined && !o.mustRespond;
    o.watch.sent = response;
    o.watch.outstanding = true;
    const sending = this.deps.now();
    if (!this.transport.send(written.message)) {
      this.blocked = true;
      this.deps.budget.hold(this, written.message.byteLength);
    }
    const repeated = o.watch.namesBytes?.length ?? 0;
    // A large response needs the proxy's window updates, which come the same way.
    if (repeated > LARGE_ANSWER_BYTES && written.message.byteLength <= SMALL_RESPONSE_BYTES && !this.blocked)
      this.transport.expect(repeated);
    this.deps.observer.sent(this, {
      type,
      response,
      bytes: written.message.byteLength,
      viewId: view.id,
      names: written.names,
      removed: written.removed,
      generateMs,
      sendMs: this.deps.now() - sending,
      pushed,
    });
  }

  /** The first answer of a type from a snapshot has the same nonce on all streams, so that they share its bytes. */
  private nonce({ sent }: Watch, version: PushVersion): string {
    return sent?.version === version ? `${version}-${++this.nonces}` : `${version}`;
  }

  private reportServed(): void {
    if (this.awaiting.length === 0) return;
    const versions = this.awaiting;
    this.awaiting = [];
    this.deps.observer.served(this, versions);
  }
}

/** Acknowledgements that take long to read. */
const LARGE_ANSWER_BYTES = 16 * 1024;
/** What fits into the smallest window of HTTP/2. */
const SMALL_RESPONSE_BYTES = 16 * 1024;

const NOTHING: readonly Answered[] = [];

/** What was taken out of the watches, with its answers. */
interface Work {
  readonly snapshot: PublishedSnapshot;
  readonly view: ProxyViewRef;
  readonly taken: readonly Taken[];
  readonly answered: readonly Answered[];
  /** When generation began. */
  readonly started: number;
}

/** Endpoints of some services don't wait for whole types of others. */
function isLarge({ names, watch }: Taken): boolean {
  return names === null || watch.type !== "EDS";
}
