// One ADS stream of either variant: what the proxy watches, and what is sent to it in which order. Main thread.
import { errorMessage, MizzenError } from "../../shared/errors.ts";
import type { PushVersion, ViewId } from "../../shared/ids.ts";
import type { ProxyIdentity, ProxyViewRef } from "../../shared/model/proxy.ts";
import { PUSH_ORDER, type XdsType, xdsTypeOf } from "../../shared/xds-types.ts";
import type { Planner, Publication, PublishedSnapshot, ResourceProvider, SnapshotSource } from "../push/contracts.ts";
import { applyDeltaRequest } from "./delta-request.ts";
import type { NameLists } from "./name-lists.ts";
import { type Outgoing, writeResponse } from "./outgoing.ts";
import type { PushQueue, QueueJob } from "./push-queue.ts";
import { RemovalHold, type Schedule } from "./removal-hold.ts";
import type { DeltaRequest, SotwRequest } from "./request-wire.ts";
import type { ResponseMessage } from "./response-wire.ts";
import { applySotwRequest } from "./sotw-request.ts";
import type { ProxyStream, StreamObserver, StreamVariant } from "./stream-observer.ts";
import { type Answered, compareAnswer, giveBack, type Taken, takeFollowing, takeWork } from "./stream-work.ts";
import { hasWork, markDirty, type RequestOutcome, type Watch } from "./watch.ts";

/** The way to the proxy. */
export interface StreamTransport {
  /** False when the proxy doesn't read fast enough: `drained` of the session says when it does again. */
  send(message: ResponseMessage): boolean;
  /** Ends the stream; the proxy comes back with a new one. */
  end(reason: MizzenError): void;
}

/** What all sessions share. */
export interface SessionDeps {
  readonly snapshots: SnapshotSource;
  readonly planner: Planner;
  readonly provider: ResourceProvider;
  readonly queue: PushQueue;
  readonly observer: StreamObserver;
  readonly lists: NameLists;
  readonly schedule: Schedule;
  readonly now: () => number;
  /** What version_info begins with: tells this process from others. */
  readonly versionPrefix: string;
  /** The serialized `ControlPlane` of responses. */
  readonly controlPlane: Uint8Array;
}

/** Who is at the other end. */
export interface SessionPeer {
  readonly connectionId: string;
  readonly variant: StreamVariant;
  readonly identity: ProxyIdentity;
  readonly peer: string;
  readonly connectedAt: number;
}

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
  /** Pushes that this proxy was not fully served with yet. */
  private awaiting: PushVersion[] = [];
  /** Types whose last generation failed: they are looked at again with the next push, whatever it changes. */
  private readonly failed = new Set<XdsType>();
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
    deps.observer.connected(this);
  }

  /** Takes a state-of-the-world request. */
  sotwRequest(request: SotwRequest): void {
    this.request(request.typeUrl, (type) => applySotwRequest(this.watches, type, request));
  }

  /** Takes a delta request. */
  deltaRequest(request: DeltaRequest): void {
    this.request(request.typeUrl, (type) => applyDeltaRequest(this.watches, type, request));
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
    this.wake();
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.hold.cancel();
    this.deps.queue.remove(this);
    this.reportServed();
    this.deps.observer.disconnected(this);
  }

  async serve(): Promise<void> {
    if (this.closed || this.blocked) return;
    try {
      await this.serveWork();
    } catch (cause) {
      // A bug of ours. What was taken out is lost, so that only a new stream gets everything for sure.
      const reason = new MizzenError("MIZZEN_ERR_INVARIANT", errorMessage(cause), { cause });
      this.transport.end(reason);
      throw reason;
    }
  }

  private async serveWork(): Promise<void> {
    const { planner, snapshots } = this.deps;
    const snapshot = snapshots.current();
    const view = planner.viewOf(this.identity);
    if (this.viewId !== undefined && view.id !== this.viewId) {
      for (const watch of this.watches.values()) markDirty(watch, "all");
    }
    const taken = this.takeReady();
    if (taken.length > 0) {
      this.viewId = view.id;
      const started = this.deps.now();
      const answered = await this.fetch(snapshot, view, taken);
      const out = this.isOpen() ? this.compare(answered) : [];
      // Envoy takes up a changed cluster only when its endpoints come again.
      const follow = takeFollowing(out, this.watches.get("EDS"));
      if (follow) out.push(...this.compare(await this.fetch(snapshot, view, [follow])));
      if (this.isOpen()) this.send(out, snapshot, view, this.deps.now() - started);
    }
    if (!this.isOpen()) return;
    this.hold.touched();
    if (![...this.watches.values()].some(hasWork)) this.reportServed();
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
        break;
      case "nack":
        observer.settled(this, type, outcome.response, outcome.error);
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
    if (!watch.outstanding && [...this.watches.values()].some(hasWork)) this.wake();
  }

  /** Takes out what can be served now, in push order. */
  private takeReady(): Taken[] {
    const clusters = this.watches.get("CDS");
    const clustersWait = clusters?.outstanding === true && hasWork(clusters);
    const out: Taken[] = [];
    for (const type of PUSH_ORDER) {
      const watch = this.watches.get(type);
      if (!watch || watch.outstanding || !hasWork(watch)) continue;
      // What refers to clusters comes after them, unless the proxy has just asked for it.
      if (clustersWait && (type === "LDS" || type === "RDS") && !watch.mustRespond) continue;
      const taken = takeWork(watch, this.deps.lists, this.identity.generator);
      if (taken) out.push(taken);
    }
    return out;
  }

  /** Generates for what was taken. A type that fails is left out, and the others are served. */
  private async fetch(snapshot: PublishedSnapshot, view: ProxyViewRef, taken: readonly Taken[]): Promise<Answered[]> {
    const { provider } = this.deps;
    try {
      const sets = await provider.fetch(
        snapshot,
        view,
        taken.map((t) => t.want),
      );
      for (const t of taken) this.failed.delete(t.watch.type);
      return taken.map((t, i) => ({ ...t, set: sets[i]! }));
    } catch (error) {
      if (taken.length === 1) {
        this.generationFailed(taken[0]!, error);
        return [];
      }
    }
    const out: Answered[] = [];
    for (const t of taken) out.push(...(await this.fetch(snapshot, view, [t])));
    return out;
  }

  private generationFailed(taken: Taken, error: unknown): void {
    const known =
      error instanceof MizzenError
        ? error
        : new MizzenError("MIZZEN_ERR_GENERATE", errorMessage(error), { cause: error });
    this.failed.add(taken.watch.type);
    if (taken.mustRespond) taken.watch.mustRespond = false;
    if (known.code !== "MIZZEN_ERR_DRAINING") this.deps.observer.failed(this, taken.watch.type, known);
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

  private send(out: readonly Outgoing[], snapshot: PublishedSnapshot, view: ProxyViewRef, generateMs: number): void {
    const holding = this.hold.decide(out);
    const ordered = [...out].sort((a, b) => PUSH_ORDER.indexOf(a.watch.type) - PUSH_ORDER.indexOf(b.watch.type));
    for (const o of ordered) {
      const { type } = o.watch;
      if (o.watch.epoch !== o.epoch) {
        // The subscription changed while the endpoints of its clusters were generated.
        markDirty(o.watch, "all");
        if (o.mustRespond) o.watch.mustRespond = true;
        this.wake();
        continue;
      }
      const written = writeResponse(o, this.variant, holding && (type === "CDS" || type === "EDS"), {
        type,
        version: `${this.deps.versionPrefix}/${snapshot.version}`,
        nonce: `${snapshot.version}-${(++this.nonces).toString(36)}`,
        controlPlane: this.deps.controlPlane,
      });
      if (!written) continue;
      const response = { ...written.response, version: snapshot.version };
      const pushed = o.watch.sent !== undefined && !o.mustRespond;
      o.watch.sent = response;
      o.watch.outstanding = true;
      const sending = this.deps.now();
      if (!this.transport.send(written.message)) this.blocked = true;
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
  }

  private reportServed(): void {
    if (this.awaiting.length === 0) return;
    const versions = this.awaiting;
    this.awaiting = [];
    this.deps.observer.served(this, versions);
  }
}
