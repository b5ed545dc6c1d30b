// Whatever happens in whatever order, both variants end with what the mesh holds for the names that are asked for.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { XdsType } from "../../../src/shared/xds-types.ts";
import type { DecodedResponse } from "../../support/decoded-response.ts";
import { FakeMesh } from "../../support/fake-mesh.ts";
import { ProxyDouble } from "./session-harness.ts";

const NAMES = ["a", "b", "c", "d"];
const PUSHED = ["CDS", "EDS", "LDS", "RDS"] as const;
type Step =
  | {
      readonly kind: "publish";
      readonly type: XdsType;
      readonly contents: Record<string, string>;
      readonly exact: boolean;
    }
  | { readonly kind: "ack"; readonly type: XdsType; readonly refuse: boolean }
  | { readonly kind: "names"; readonly type: XdsType; readonly names: readonly string[] }
  | { readonly kind: "wait" }
  | { readonly kind: "turn" };

const type = fc.constantFrom<XdsType>("CDS", "EDS", "LDS", "RDS");
const contents = fc.dictionary(fc.constantFrom(...NAMES), fc.constantFrom("1", "2", "eds"), { noNullPrototype: true });
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant("publish" as const), type, contents, exact: fc.boolean() }),
  fc.record({ kind: fc.constant("ack" as const), type, refuse: fc.boolean() }),
  fc.record({
    kind: fc.constant("names" as const),
    type: fc.constantFrom<XdsType>("EDS", "RDS"),
    names: fc.subarray(NAMES),
  }),
  fc.constant({ kind: "wait" as const }),
  // The event loop turns once: work begins, or goes on, while more comes.
  fc.constant({ kind: "turn" as const }),
);

/** A proxy that keeps what it is sent, as Envoy does. */
class FoldingProxy {
  readonly state = new Map<XdsType, Map<string, string>>();
  readonly names = new Map<XdsType, readonly string[]>();
  readonly proxy: ProxyDouble;
  private readonly unacked = new Map<XdsType, DecodedResponse>();

  constructor(mesh: FakeMesh, variant: "sotw" | "delta") {
    this.proxy = new ProxyDouble(mesh, variant);
    for (const type of ["CDS", "EDS", "LDS", "RDS"] as const) {
      const names = type === "CDS" || type === "LDS" ? [] : ["a", "b"];
      this.state.set(type, new Map());
      this.names.set(type, names);
      if (variant === "sotw") this.proxy.sotw(type, { names });
      else this.proxy.delta(type, { subscribe: names });
    }
  }

  async read(): Promise<void> {
    for (const response of await this.proxy.take()) {
      const state = this.state.get(response.type)!;
      assert.equal(this.unacked.has(response.type), false, "two responses under way");
      this.unacked.set(response.type, response);
      if (this.proxy.session.variant === "sotw" && (response.type === "CDS" || response.type === "LDS")) state.clear();
      for (const { name, bytes } of response.resources.values()) state.set(name, Buffer.from(bytes).toString());
      for (const name of response.removed) state.delete(name);
    }
  }

  /** `refuse`: says that the configuration can't be used, though it is kept here. */
  ack(type: XdsType, refuse = false): void {
    if (!this.unacked.delete(type)) return;
    this.proxy.ack(type, refuse ? "no" : undefined);
  }

  /** In the state of the world names go along with an answer; while one is under way the proxy can't say anything else. */
  subscribe(type: XdsType, names: readonly string[]): void {
    const before = this.names.get(type)!;
    this.names.set(type, names);
    const state = this.state.get(type)!;
    for (const name of before) if (!names.includes(name)) state.delete(name);
    if (this.proxy.session.variant === "delta") {
      this.proxy.delta(type, {
        subscribe: names.filter((n) => !before.includes(n)),
        unsubscribe: before.filter((n) => !names.includes(n)),
      });
      return;
    }
    this.unacked.delete(type);
    if (this.proxy.session.watches.get(type)?.sent) this.proxy.ack(type, undefined, { names });
    else this.proxy.sotw(type, { names });
  }

  async settle(): Promise<void> {
    for (let round = 0; round < 20; round++) {
      await this.read();
      for (const type of [...this.unacked.keys()]) this.ack(type);
      this.proxy.timers.advance(200);
    }
    await this.read();
  }
}

/** Lets a mesh and a proxy of it live through some steps; `refusing`: it may refuse what it gets. Gives what the mesh holds then. */
async function live(
  mesh: FakeMesh,
  folding: FoldingProxy,
  steps: readonly Step[],
  refusing: boolean,
): Promise<Map<XdsType, Record<string, string>>> {
  const final = new Map<XdsType, Record<string, string>>(PUSHED.map((t) => [t, { a: "1" }]));
  mesh.slow = true;
  for (const s of steps) {
    if (s.kind === "publish") {
      final.set(s.type, s.contents);
      if (s.exact) folding.proxy.publishPrecisely({ [s.type]: s.contents });
      else folding.proxy.publish({ [s.type]: s.contents });
    } else if (s.kind === "ack") folding.ack(s.type, refusing && s.refuse);
    else if (s.kind === "names") {
      // A proxy knows what it has read, not what is on its way.
      await folding.read();
      folding.subscribe(s.type, s.names);
    } else if (s.kind === "turn") await new Promise((resolve) => setImmediate(resolve));
    else await folding.read();
  }
  return final;
}

for (const variant of ["sotw", "delta"] as const) {
  test(`${variant}: whatever was refused, the next change of everything arrives`, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        const mesh = new FakeMesh({ CDS: { a: "1" }, EDS: { a: "1" }, LDS: { a: "1" }, RDS: { a: "1" } });
        const folding = new FoldingProxy(mesh, variant);
        await live(mesh, folding, steps, true);
        const all = Object.fromEntries(NAMES.map((name) => [name, "last"]));
        folding.proxy.publish({ CDS: all, EDS: all, LDS: all, RDS: all });
        await folding.settle();
        for (const type of PUSHED) {
          const names = folding.names.get(type)!;
          for (const name of names.length > 0 || type === "EDS" || type === "RDS" ? names : NAMES) {
            assert.match(folding.state.get(type)!.get(name) ?? "nothing", /last$/, `${type} ${name}`);
          }
        }
      }),
      { numRuns: 300 },
    );
  });

  test(`${variant}: a proxy ends with what the mesh holds`, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        const mesh = new FakeMesh({ CDS: { a: "1" }, EDS: { a: "1" }, LDS: { a: "1" }, RDS: { a: "1" } });
        const folding = new FoldingProxy(mesh, variant);
        const final = await live(mesh, folding, steps, false);
        await folding.settle();
        for (const [type, contents] of final) {
          const names = folding.names.get(type)!;
          const wildcard = type === "CDS" || type === "LDS";
          for (const [name, content] of Object.entries(contents)) {
            if (!wildcard && !names.includes(name)) continue;
            assert.match(folding.state.get(type)!.get(name) ?? "nothing", new RegExp(`${content}$`), `${type} ${name}`);
          }
          // Removal of what is asked for by name can't be said in the state of the world.
          if (!wildcard && variant === "sotw") continue;
          for (const name of folding.state.get(type)!.keys()) {
            assert.equal(contents[name] !== undefined, true, `${type} ${name} is gone from the mesh`);
          }
        }
      }),
      { numRuns: 300 },
    );
  });
}
