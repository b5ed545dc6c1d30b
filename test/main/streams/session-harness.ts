// Drives stream sessions without a network: requests in, decoded responses out.
import assert from "node:assert/strict";
import { NameSets } from "../../../src/main/streams/name-sets.ts";
import { identityOf } from "../../../src/main/streams/proxy-identity.ts";
import { PushQueue } from "../../../src/main/streams/push-queue.ts";
import type { DeltaRequest, ErrorDetail, SotwRequest } from "../../../src/main/streams/request-wire.ts";
import type { StreamObserver, StreamVariant } from "../../../src/main/streams/stream-observer.ts";
import { StreamSession } from "../../../src/main/streams/stream-session.ts";
import { WriteBudget } from "../../../src/main/streams/write-budget.ts";
import { TYPE_URL, type XdsType } from "../../../src/shared/xds-types.ts";
import {
  type DecodedResponse,
  decodeDeltaResponse,
  decodeSotwResponse,
  unframed,
} from "../../support/decoded-response.ts";
import { envoyNode } from "../../support/envoy-node.ts";
import { type Contents, FakeMesh } from "../../support/fake-mesh.ts";

/** A small mesh. */
export const CONTENTS = {
  CDS: { a: "1", b: "1" },
  EDS: { a: "1", b: "1" },
  LDS: { l: "1" },
  RDS: { r: "1", s: "1" },
};

/** A proxy that has a stream and has not asked for anything. */
export function connect(variant: StreamVariant, contents = CONTENTS): { mesh: FakeMesh; proxy: ProxyDouble } {
  const mesh = new FakeMesh(contents);
  return { mesh, proxy: new ProxyDouble(mesh, variant) };
}

/** What the streams told their observer, one line each. */
export class Diary implements StreamObserver {
  readonly lines: string[] = [];
  readonly served_: number[] = [];
  connected(): void {
    this.lines.push("connected");
  }
  disconnected(): void {
    this.lines.push("disconnected");
  }
  sent(): void {
    // Tests look at the responses themselves.
  }
  settled(_s: unknown, type: XdsType, _r: unknown, error: ErrorDetail | undefined): void {
    this.lines.push(error ? `nack ${type} ${error.message}` : `ack ${type}`);
  }
  stale(_s: unknown, type: XdsType): void {
    this.lines.push(`stale ${type}`);
  }
  subscribed(): void {
    // Tests look at the responses.
  }
  unknownType(_s: unknown, url: string): void {
    this.lines.push(`unknown ${url}`);
  }
  failed(_s: unknown, type: XdsType, error: Error): void {
    this.lines.push(`failed ${type} ${error.message}`);
  }
  served(_s: unknown, versions: readonly number[]): void {
    this.served_.push(...versions);
  }
}

/** Timers that tests let ring. */
export class ManualTimers {
  now = 0;
  private readonly timers = new Set<{ at: number; run: () => void }>();

  readonly schedule = (ms: number, run: () => void): (() => void) => {
    const timer = { at: this.now + ms, run };
    this.timers.add(timer);
    return () => this.timers.delete(timer);
  };

  advance(ms: number): void {
    this.now += ms;
    for (const timer of [...this.timers]) {
      if (timer.at > this.now || !this.timers.delete(timer)) continue;
      timer.run();
    }
  }

  get pending(): number {
    return this.timers.size;
  }
}

/** One proxy on one session. */
export class ProxyDouble {
  readonly diary: Diary;
  readonly timers = new ManualTimers();
  readonly session: StreamSession;
  readonly inbox: DecodedResponse[] = [];
  /** What failed against the contract; none unless a test provokes it. */
  readonly errors: unknown[] = [];
  expectsErrors = false;
  /** False: the transport asks to wait. */
  writable = true;
  private readonly mesh: FakeMesh;
  private readonly queue: PushQueue;
  readonly budget: WriteBudget;
  private readonly last = new Map<XdsType, DecodedResponse>();
  private readonly names = new Map<XdsType, readonly string[]>();

  constructor(mesh: FakeMesh, variant: StreamVariant, diary = new Diary(), id = "a.default", metadata = {}) {
    this.mesh = mesh;
    this.diary = diary;
    this.queue = new PushQueue({
      limit: 4,
      now: () => this.timers.now,
      onError: (error) => this.errors.push(error),
    });
    this.budget = new WriteBudget({
      schedule: this.timers.schedule,
      now: () => this.timers.now,
      soon: (run) => setImmediate(run),
    });
    const identity = identityOf(envoyNode(`sidecar~10.0.0.1~${id}~default.svc.cluster.local`, "a", metadata));
    const decode = variant === "sotw" ? decodeSotwResponse : decodeDeltaResponse;
    this.session = new StreamSession(
      { connectionId: `${id}-1`, variant, identity, peer: "test", connectedAt: 0 },
      {
        expect: () => undefined,
        together: (run) => run(),
        send: (message) => {
          const bytes = unframed(message);
          const response = decode(bytes);
          this.inbox.push(response);
          this.last.set(response.type, response);
          return this.writable;
        },
        end: (reason) => {
          this.diary.lines.push(`end ${reason.message}`);
          this.session.close();
        },
      },
      {
        snapshots: mesh,
        planner: mesh,
        provider: mesh,
        queue: this.queue,
        budget: this.budget,
        observer: this.diary,
        names: new NameSets(),
        schedule: this.timers.schedule,
        now: () => this.timers.now,
        versionInfo: (version) => `test/${version}`,
        controlPlane: new Uint8Array(),
      },
    );
  }

  sotw(type: XdsType, request: Partial<SotwRequest> = {}): void {
    if (request.names) this.names.set(type, request.names);
    this.session.sotwRequest({
      node: undefined,
      typeUrl: TYPE_URL[type],
      versionInfo: "",
      names: this.names.get(type) ?? [],
      namesBytes: undefined,
      nonce: "",
      error: undefined,
      ...request,
    });
  }

  delta(type: XdsType, request: Partial<DeltaRequest> = {}): void {
    this.session.deltaRequest({
      node: undefined,
      typeUrl: TYPE_URL[type],
      subscribe: [],
      subscribeBytes: undefined,
      unsubscribe: [],
      initialVersions: new Map(),
      nonce: "",
      error: undefined,
      ...request,
    });
  }

  /** Acknowledges the newest response of a type, or refuses it. */
  ack(type: XdsType, refusal?: string, more: Partial<SotwRequest> & Partial<DeltaRequest> = {}): void {
    const response = this.last.get(type);
    assert.ok(response, `${type}: nothing to acknowledge`);
    const error = refusal === undefined ? undefined : { code: 13, message: refusal };
    const answer = { nonce: response.nonce, error, ...more };
    if (this.session.variant === "sotw") this.sotw(type, { versionInfo: response.version, ...answer });
    else this.delta(type, answer);
  }

  publish(touched: Contents): boolean {
    return this.session.published(this.mesh.publish(touched));
  }

  publishPrecisely(touched: Contents): boolean {
    return this.session.published(this.mesh.publishPrecisely(touched));
  }

  /** All responses that came since the last call, in order, after everything is served. */
  async take(): Promise<DecodedResponse[]> {
    await this.queue.whenIdle();
    if (!this.expectsErrors) assert.deepEqual(this.errors, []);
    return this.inbox.splice(0);
  }

  /** As `take`, in short: `CDS a b -c`. */
  async taken(): Promise<string[]> {
    return (await this.take()).map(brief);
  }

  /** As `taken`, and acknowledges all of them. */
  async takenAndAcked(): Promise<string[]> {
    const out: string[] = [];
    for (;;) {
      const responses = await this.take();
      if (responses.length === 0) return out;
      for (const response of responses) {
        out.push(brief(response));
        this.ack(response.type);
      }
    }
  }
}

/** A response in short: `CDS a b -c`. */
export function brief({ type, resources, removed }: DecodedResponse): string {
  return [type, ...[...resources.keys()].sort(), ...removed.map((name) => `-${name}`)].join(" ");
}
