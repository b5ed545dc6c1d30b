// One ADS stream of either variant: what the proxy watches, and when it is served. Main thread.
import { after } from "../../shared/at-once.ts";
import { errorMessage, MizzenError } from "../../shared/errors.ts";
import type { PushVersion, ViewId } from "../../shared/ids.ts";
import type { ProxyIdentity, ProxyViewRef } from "../../shared/model/proxy.ts";
import { type XdsType, xdsTypeOf } from "../../shared/xds-types.ts";
import type { Publication, PublishedSnapshot } from "../push/contracts.ts";
import { applyDeltaRequest } from "./delta-request.ts";
import type { Outgoing } from "./outgoing.ts";
import type { QueueJob } from "./push-queue.ts";
import { RemovalHold } from "./removal-hold.ts";
import type { DeltaRequest, SotwRequest } from "./request-wire.ts";
import { ResponseSender } from "./response-sender.ts";
import type { SessionDeps, SessionPeer, StreamTransport } from "./session-contracts.ts";
import { applySotwRequest } from "./sotw-request.ts";
import type { ProxyStream, StreamVariant } from "./stream-observer.ts";
import {
  type Answered,
  compareAnswers,
  fetchAnswers,
  giveBack,
  isUrgent,
  type Taken,
  takeFollowing,
  takeReady,
  takeWork,
} from "./stream-work.ts";
import { WarmingGate } from "./warming-gate.ts";
import { anyWork, markDirty, type RequestOutcome, type Watch } from "./watch.ts";

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
  private readonly sender: ResponseSender;
  /** Pushes that this proxy was not fully served with yet. */
  private awaiting: PushVersion[] = [];
  /** Types whose last generation failed: they are looked at again with the next push, whatever it changes. */
  private readonly failed = new Set<XdsType>();
  private closed = false;
  /** While `serve` is under way, and while that waits for room to write. */
  private serving = false;
  private inLine = false;

  constructor(peer: SessionPeer, transport: StreamTransport, deps: SessionDeps) {
    this.connectionId = peer.connectionId;
    this.variant = peer.variant;
    this.identity = peer.identity;
    this.peer = peer.peer;
    this.connectedAt = peer.connectedAt;
    this.transport = transport;
    this.deps = deps;
    const wake = (): void => this.wake();
    this.hold = new RemovalHold(peer.variant, this.watches, deps.schedule, deps.now, wake);
    this.gate = new WarmingGate(deps.schedule, wake);
    this.sender = new ResponseSender({ stream: this, transport, deps, hold: this.hold, gate: this.gate, wake });
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
    if (plan?.size === 1 && plan.has("EDS")) this.hurry();
    else this.wake();
    return true;
  }

  /** The proxy reads again. */
  drained(): void {
    this.sender.drained();
    if (anyWork(this.watches)) this.wake();
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.hold.cancel();
    this.gate.cancel();
    this.deps.queue.remove(this);
    this.sender.close();
    this.reportServed();
    this.deps.observer.disconnected(this);
  }

  /** A proxy that was sent nothing yet. */
  get isNew(): boolean {
    for (const { sent } of this.watches.values()) if (sent) return false;
    return true;
  }

  serve(): void | Promise<void> {
    if (this.closed || this.sender.isBlocked) return;
    this.serving = true;
    return this.guarded(() => {
      const served = after(this.answer(), (work) => this.inTurn(work));
      return after(served, () => {
        this.serving = false;
      });
    });
  }

  /** Sends endpoints that changed, before the other types that wait for their turn. */
  serveUrgent(): void | Promise<void> {
    if (this.closed || this.sender.isBlocked) return;
    const watch = this.watches.get("EDS");
    const view = this.deps.planner.viewOf(this.identity);
    // What is generated for `serve` already must not come after newer endpoints.
    const mayPass = !this.serving || this.inLine;
    if (!watch || !mayPass || view.id !== this.viewId || !isUrgent(watch)) {
      if (anyWork(this.watches)) this.wake();
      return;
    }
    const taken = takeWork(watch, this.identity.generator);
    if (!taken) {
      if (!this.serving) this.delivered();
      return;
    }
    const snapshot = this.deps.snapshots.current();
    const started = this.deps.now();
    return this.guarded(() =>
      after(this.fetch(snapshot, view, [taken]), (answered) => {
        if (!this.isOpen()) return;
        if (watch.outstanding || snapshot !== this.deps.snapshots.current()) {
          for (const answer of answered) giveBack(answer);
          this.wake();
          return;
        }
        this.sender.send(this.compare(answered), { snapshot, view, started });
        if (!this.serving) this.delivered();
      }),
    );
  }

  private guarded(run: () => void | Promise<void>): void | Promise<void> {
    try {
      const done = run();
      return done instanceof Promise ? done.catch((cause: unknown) => this.giveUp(cause)) : done;
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
    const turn = work?.taken.some(isLarge) ? this.deps.budget.turn(this.isNew) : undefined;
    if (!work || !turn) return this.deliver(work);
    this.inLine = true;
    return turn.then(() => {
      this.inLine = false;
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
      if (this.isOpen()) this.sender.send(out, work);
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
    const taken = takeReady(this.watches, this.identity.generator, this.gate.isClosed);
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
    if (!this.closed && !this.sender.isBlocked) this.deps.queue.add(this);
  }

  private hurry(): void {
    if (!this.closed && !this.sender.isBlocked) this.deps.queue.hurry(this);
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
    this.hold.touched(type);
    const watch = this.watches.get(type)!;
    if (watch.outstanding || !anyWork(this.watches)) return;
    if (type === "EDS" && isUrgent(watch)) this.hurry();
    this.wake();
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

  private compare(answered: readonly Answered[]): Outgoing[] {
    const out = compareAnswers(answered);
    if (out.length < answered.length) this.wake();
    return out;
  }

  private reportServed(): void {
    if (this.awaiting.length === 0) return;
    const versions = this.awaiting;
    this.awaiting = [];
    this.deps.observer.served(this, versions);
  }
}

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
